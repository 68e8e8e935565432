namespace Weft.Training.Schedules;

/// <summary>What happens to the height of the triangles of <see cref="CyclicRate"/>.</summary>
public enum CycleShape
{
    /// <summary>All are as high.</summary>
    Triangular,

    /// <summary>Each is half as high as the last.</summary>
    Halving,

    /// <summary>The height falls by a factor every step.</summary>
    Exponential,
}

/// <summary>The rate swings between two bounds (Smith 2017, arXiv:1506.01186, section 3).</summary>
/// <param name="low">The lower bound.</param>
/// <param name="high">The upper bound.</param>
/// <param name="stepsUp">Steps of a rise.</param>
/// <param name="stepsDown">Steps of a fall; 0 means as many.</param>
/// <param name="shape">What becomes of the height.</param>
/// <param name="gamma">The factor of <see cref="CycleShape.Exponential"/>.</param>
public sealed class CyclicRate(double low, double high, long stepsUp, long stepsDown = 0, CycleShape shape = CycleShape.Triangular, double gamma = 1) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step) => low + (high - low) * Height(step) * Math.Max(0, Position(step));

    /// <summary>Momentum swings the other way: high where the rate is low.</summary>
    public double MomentumAt(long step, double lowMomentum, double highMomentum) => highMomentum - (highMomentum - lowMomentum) * Height(step) * Math.Max(0, Position(step));

    private long Total => stepsUp + (stepsDown == 0 ? stepsUp : stepsDown);

    // 0 at the lower bound, 1 at the upper.
    private double Position(long step)
    {
        double ratio = (double)stepsUp / Total, x = (double)step / Total - step / Total;
        return x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
    }

    private double Height(long step) => shape switch
    {
        CycleShape.Halving => Math.Pow(2, -(step / Total)),
        CycleShape.Exponential => Math.Pow(gamma, step),
        _ => 1,
    };
}

/// <summary>One rise to a high rate and one long fall below the start (Smith and Topin 2019, arXiv:1708.07120).</summary>
/// <param name="peak">The highest rate.</param>
/// <param name="totalSteps">Steps of the whole cycle.</param>
/// <param name="riseShare">The part of the steps in which it rises.</param>
/// <param name="cosine">Whether the phases are half cosines; else straight lines.</param>
/// <param name="divisor">peak / divisor is the first rate.</param>
/// <param name="finalDivisor">first rate / finalDivisor is the last.</param>
/// <param name="threePhases">Whether it falls to the first rate in the same time as it rose before the final fall.</param>
public sealed class OneCycle(double peak, long totalSteps, double riseShare = 0.3, bool cosine = true, double divisor = 25, double finalDivisor = 1e4, bool threePhases = false) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override double At(long step)
    {
        double first = peak / divisor, last = first / finalDivisor;
        return Phases(step, first, peak, first, last);
    }

    /// <summary>Momentum goes the other way.</summary>
    public double MomentumAt(long step, double low, double high) => Phases(step, high, low, high, high);

    private double Phases(long step, double first, double top, double middle, double last)
    {
        double riseEnd = riseShare * totalSteps - 1, end = totalSteps - 1;
        if (!threePhases) return step <= riseEnd ? Anneal(first, top, step / riseEnd) : Anneal(top, last, (step - riseEnd) / (end - riseEnd));
        double fallEnd = 2 * riseShare * totalSteps - 2;
        return step <= riseEnd ? Anneal(first, top, step / riseEnd)
            : step <= fallEnd ? Anneal(top, middle, (step - riseEnd) / (fallEnd - riseEnd))
            : Anneal(middle, last, (step - fallEnd) / (end - fallEnd));
    }

    private double Anneal(double from, double to, double share) => cosine ? to + (from - to) / 2 * (1 + Math.Cos(Math.PI * share)) : from + (to - from) * share;
}
