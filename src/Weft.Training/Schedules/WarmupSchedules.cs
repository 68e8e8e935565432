namespace Weft.Training.Schedules;

/// <summary>A straight rise from 0 over the first steps, then some decay: the schedules of transformers.</summary>
/// <remarks>Unlike <see cref="WarmupCosine"/>, the first rate is 0: t / warmup, as transformers' <c>get_*_schedule_with_warmup</c> has it.</remarks>
public abstract class WarmupSchedule(double rate, long warmupSteps) : LearningRateSchedule
{
    /// <summary>The length of the rise.</summary>
    protected long WarmupSteps => warmupSteps;

    /// <inheritdoc/>
    public override double At(long step) => rate * (step < warmupSteps ? Rise((double)step / Math.Max(1, warmupSteps)) : Decay(step));

    /// <summary>The factor during the rise, for a share of it in [0, 1).</summary>
    protected virtual double Rise(double share) => share;

    /// <summary>The factor at a step after the rise.</summary>
    protected abstract double Decay(long step);

    /// <summary>How much of the time from the rise to the end has passed.</summary>
    protected double Progress(long step, long totalSteps) => (double)(step - warmupSteps) / Math.Max(1, totalSteps - warmupSteps);
}

/// <summary>The rise, then the same rate.</summary>
public sealed class WarmupConstant(double rate, long warmupSteps) : WarmupSchedule(rate, warmupSteps)
{
    /// <inheritdoc/>
    protected override double Decay(long step) => 1;
}

/// <summary>The rise, then a straight fall to 0.</summary>
public sealed class WarmupLinear(double rate, long warmupSteps, long totalSteps) : WarmupSchedule(rate, warmupSteps)
{
    /// <inheritdoc/>
    protected override double Decay(long step) => Math.Max(0, 1 - Progress(step, totalSteps));
}

/// <summary>The rise, then cosines from 1 towards a floor, as many half waves as twice the cycles.</summary>
/// <param name="rate">The peak.</param>
/// <param name="warmupSteps">Steps of the rise.</param>
/// <param name="totalSteps">Steps until the end of the last cycle.</param>
/// <param name="cycles">0.5 falls once.</param>
/// <param name="floorShare">The floor as a share of the peak.</param>
public sealed class WarmupCosineCycles(double rate, long warmupSteps, long totalSteps, double cycles = 0.5, double floorShare = 0) : WarmupSchedule(rate, warmupSteps)
{
    /// <inheritdoc/>
    protected override double Decay(long step)
    {
        double factor = 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * Progress(step, totalSteps)));
        return Math.Max(0, factor * (1 - floorShare) + floorShare);
    }
}

/// <summary>The rise, then half cosines to 0 that begin anew at the peak.</summary>
public sealed class WarmupCosineRestarts(double rate, long warmupSteps, long totalSteps, int cycles) : WarmupSchedule(rate, warmupSteps)
{
    /// <inheritdoc/>
    protected override double Decay(long step)
    {
        double progress = Progress(step, totalSteps);
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    }
}

/// <summary>The rise, then a power of the time left, down to a last rate.</summary>
public sealed class WarmupPolynomial(double rate, long warmupSteps, long totalSteps, double lastRate = 1e-7, double power = 1) : WarmupSchedule(rate, warmupSteps)
{
    private readonly double _rate = rate;

    /// <inheritdoc/>
    protected override double Decay(long step) =>
        step > totalSteps ? lastRate / _rate : ((_rate - lastRate) * Math.Pow(1 - Progress(step, totalSteps), power) + lastRate) / _rate;
}

/// <summary>The rise, then one over the square root of the time (Vaswani et al. 2017, arXiv:1706.03762, eq. 3).</summary>
/// <param name="rate">The peak.</param>
/// <param name="warmupSteps">Steps of the rise.</param>
/// <param name="timescale">The time after which the rate has fallen to 1/√2; 0 means the steps of the rise.</param>
public sealed class WarmupInverseRoot(double rate, long warmupSteps, long timescale = 0) : WarmupSchedule(rate, warmupSteps)
{
    /// <inheritdoc/>
    protected override double Decay(long step)
    {
        long scale = timescale != 0 ? timescale : WarmupSteps != 0 ? WarmupSteps : 10_000; // transformers' default without a rise
        return 1 / Math.Sqrt((step + scale - WarmupSteps) / (double)scale);
    }
}

/// <summary>How a phase of <see cref="WarmupStableDecay"/> runs.</summary>
public enum PhaseShape
{
    /// <summary>Half a cosine.</summary>
    Cosine,

    /// <summary>A straight line.</summary>
    Linear,

    /// <summary>One minus a square root: fast at first.</summary>
    OneMinusRoot,
}

/// <summary>A rise, a long plateau and a short fall (Hu et al. 2024, arXiv:2404.06395, section 4.2).</summary>
/// <param name="rate">The plateau.</param>
/// <param name="warmupSteps">Steps of the rise.</param>
/// <param name="stableSteps">Steps of the plateau.</param>
/// <param name="decaySteps">Steps of the fall.</param>
/// <param name="rise">The shape of the rise.</param>
/// <param name="fall">The shape of the fall.</param>
/// <param name="floorShare">The last rate as a share of the plateau.</param>
/// <param name="cycles">Cosine phases only: 0.5 is half a wave.</param>
public sealed class WarmupStableDecay(double rate, long warmupSteps, long stableSteps, long decaySteps, PhaseShape rise = PhaseShape.Linear, PhaseShape fall = PhaseShape.Cosine, double floorShare = 0, double cycles = 0.5)
    : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        if (step < warmupSteps)
        {
            double share = (double)step / Math.Max(1, warmupSteps);
            double up = rise switch { PhaseShape.Linear => share, PhaseShape.Cosine => 0.5 * (1 - Math.Cos(Math.PI * share)), _ => 1 - Math.Sqrt(1 - share) };
            return rate * Math.Max(0, up * (1 - floorShare) + floorShare);
        }
        if (step < warmupSteps + stableSteps) return rate;
        if (step >= warmupSteps + stableSteps + decaySteps) return rate * floorShare;
        double progress = (double)(step - warmupSteps - stableSteps) / Math.Max(1, decaySteps);
        double down = fall switch { PhaseShape.Linear => 1 - progress, PhaseShape.Cosine => 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * progress)), _ => 1 - Math.Sqrt(progress) };
        return rate * Math.Max(0, down * (1 - floorShare) + floorShare);
    }
}

/// <summary>Half a cosine down to a floor, after a rise that may begin above 0 and reaches the peak on its last step.</summary>
/// <param name="rate">The peak.</param>
/// <param name="warmupSteps">Steps of the rise.</param>
/// <param name="totalSteps">Steps until the floor.</param>
/// <param name="floorShare">The floor as a share of the peak.</param>
/// <param name="firstShare">The first rate as a share of the peak; null rises from 1 / warmup.</param>
public sealed class WarmupCosineFloor(double rate, long warmupSteps, long totalSteps, double floorShare, double? firstShare = null) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        if (step < warmupSteps)
            return rate * (firstShare is { } first ? first + (1 - first) * step / Math.Max(1, warmupSteps - 1) : (step + 1.0) / Math.Max(1, warmupSteps));
        double progress = (step - warmupSteps + 1.0) / Math.Max(1, totalSteps - warmupSteps), factor = 0.5 * (1 + Math.Cos(Math.PI * progress));
        return rate * Math.Max(0, factor * (1 - floorShare) + floorShare);
    }
}
