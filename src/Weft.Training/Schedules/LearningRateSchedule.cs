namespace Weft.Training.Schedules;

/// <summary>The learning rate of each step.</summary>
public abstract class LearningRateSchedule
{
    /// <summary>The rate that step <paramref name="step"/> uses, counted from 0.</summary>
    public abstract double At(long step);
}

/// <summary>The same rate throughout.</summary>
public sealed class ConstantRate(double rate) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step) => rate;
}

/// <summary>A straight rise from almost nothing, then half a cosine down to a floor.</summary>
/// <remarks>
/// t &lt; warmup: peak · (t + 1) / (warmup + 1); up to <c>decaySteps</c>: floor + (peak - floor) (1 + cos(pi (t - warmup) /
/// (decaySteps - warmup))) / 2; after it the floor (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, as nanoGPT has it).
/// </remarks>
public sealed class WarmupCosine(double peak, double floor, long warmupSteps, long decaySteps) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        if (step < warmupSteps) return peak * (step + 1) / (warmupSteps + 1);
        if (step >= decaySteps) return floor;
        double progress = (double)(step - warmupSteps) / (decaySteps - warmupSteps);
        return floor + (peak - floor) * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
