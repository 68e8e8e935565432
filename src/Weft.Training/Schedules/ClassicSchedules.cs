namespace Weft.Training.Schedules;

/// <summary>A schedule as a factor on a base rate; the classic ones are given in closed form, so any step can be asked for.</summary>
/// <remarks>The rates are those that PyTorch's schedulers of the same names give their t-th step (torch.optim.lr_scheduler).</remarks>
public abstract class FactorSchedule(double rate) : LearningRateSchedule
{
    /// <inheritdoc/>
    public sealed override double At(long step) => rate * Factor(step);

    /// <summary>The factor on the base rate at a step, counted from 0.</summary>
    protected abstract double Factor(long step);
}

/// <summary>Falls by a factor after each interval: γ^⌊t / interval⌋.</summary>
public sealed class StepDecay(double rate, long interval, double gamma) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => Math.Pow(gamma, step / interval);
}

/// <summary>Falls by a factor at each milestone.</summary>
public sealed class MilestoneDecay(double rate, IReadOnlyList<long> milestones, double gamma) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => Math.Pow(gamma, milestones.Count(m => m <= step));
}

/// <summary>Falls by a factor every step: γ^t.</summary>
public sealed class ExponentialDecay(double rate, double gamma) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => Math.Pow(gamma, step);
}

/// <summary>A factor for the first steps, then none.</summary>
public sealed class ReducedStart(double rate, double factor, long steps) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => step < steps ? factor : 1;
}

/// <summary>A straight line from one factor to another.</summary>
public sealed class LinearRamp(double rate, double start, double end, long steps) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => start + (end - start) * Math.Min(step, steps) / steps;
}

/// <summary>(1 - t / T)^power, then 0.</summary>
public sealed class PolynomialDecay(double rate, long steps, double power) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => Math.Pow(1 - (double)Math.Min(step, steps) / steps, power);
}

/// <summary>A factor by any function of the step.</summary>
public sealed class FunctionSchedule(double rate, Func<long, double> factor) : FactorSchedule(rate)
{
    /// <inheritdoc/>
    protected override double Factor(long step) => factor(step);
}

/// <summary>A cosine between the base rate and a floor, up and down again after T steps.</summary>
/// <remarks>floor + (rate - floor) (1 + cos(π t / T)) / 2 (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, without restarts).</remarks>
public sealed class CosineAnnealing(double rate, double floor, long steps) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step) => floor + (rate - floor) * (1 + Math.Cos(Math.PI * step / steps)) / 2;
}

/// <summary>Half a cosine down to a floor, then back to the top; each period may be a multiple of the last.</summary>
/// <remarks>Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5.</remarks>
public sealed class CosineRestarts(double rate, double floor, long firstPeriod, long multiple = 1) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        long period = firstPeriod;
        while (step >= period)
        {
            step -= period;
            period *= multiple;
        }
        return floor + (rate - floor) * (1 + Math.Cos(Math.PI * step / period)) / 2;
    }
}

/// <summary>One schedule up to a milestone, the next from there on, each counting its own steps from 0.</summary>
public sealed class ScheduleSequence(IReadOnlyList<LearningRateSchedule> schedules, IReadOnlyList<long> milestones) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        int current = 0;
        for (int i = 0; i < milestones.Count; i++) if (milestones[i] <= step) current++;
        return schedules[current].At(current == 0 ? step : step - milestones[current - 1]);
    }
}

/// <summary>The product of several schedules' factors on one base rate.</summary>
/// <param name="rate">The base rate, which every schedule was given too.</param>
/// <param name="schedules">The schedules.</param>
public sealed class ScheduleProduct(double rate, IReadOnlyList<LearningRateSchedule> schedules) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        double product = rate;
        for (int i = 0; i < schedules.Count; i++) product *= schedules[i].At(step) / rate;
        return product;
    }
}

/// <summary>From the rate of training over to a constant one for weight averaging (Izmailov et al. 2018, arXiv:1803.05407).</summary>
/// <param name="rate">The first rate.</param>
/// <param name="averagingRate">The rate from then on.</param>
/// <param name="steps">Steps of the way there.</param>
/// <param name="cosine">Whether the way is half a cosine; else a straight line.</param>
public sealed class AveragingRate(double rate, double averagingRate, long steps, bool cosine = true) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        double share = Math.Min(1, step / (double)Math.Max(1, steps)), weight = cosine ? (1 - Math.Cos(Math.PI * share)) / 2 : share;
        return averagingRate * weight + rate * (1 - weight);
    }
}
