using System.Globalization;

namespace Weft.Guide.Reproduce;

/// <summary>A figure that an experiment must give, with what counts as agreement and why.</summary>
public sealed record ExpectedFigure
{
    private ExpectedFigure(string name, string unit, double minimum, double maximum, string why) =>
        (Name, Unit, Minimum, Maximum, Why) = (name, unit, minimum, maximum, why);

    /// <summary>What is measured, such as "held-out loss above the floor".</summary>
    public string Name { get; }

    /// <summary>Its unit, such as "nats per token"; empty for a pure number.</summary>
    public string Unit { get; }

    /// <summary>The least value that agrees; negative infinity when there is none.</summary>
    public double Minimum { get; }

    /// <summary>The greatest value that agrees; positive infinity when there is none.</summary>
    public double Maximum { get; }

    /// <summary>Why this value and this tolerance.</summary>
    public string Why { get; }

    /// <summary>The figure must be this value, give or take a tolerance.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is negative or not a number.</exception>
    public static ExpectedFigure Near(string name, double value, double tolerance, string unit, string why)
    {
        if (!(tolerance >= 0)) throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "A tolerance is 0 or more.");
        return new(name, unit, value - tolerance, value + tolerance, why);
    }

    /// <summary>The figure must be exactly this value.</summary>
    public static ExpectedFigure Exactly(string name, double value, string unit, string why) => new(name, unit, value, value, why);

    /// <summary>The figure must not exceed this value.</summary>
    public static ExpectedFigure AtMost(string name, double value, string unit, string why) => new(name, unit, double.NegativeInfinity, value, why);

    /// <summary>The figure must reach this value.</summary>
    public static ExpectedFigure AtLeast(string name, double value, string unit, string why) => new(name, unit, value, double.PositiveInfinity, why);

    /// <summary>Whether a measured value agrees. NaN never does.</summary>
    public bool Agrees(double measured) => measured >= Minimum && measured <= Maximum;

    /// <summary>The expectation in a few characters, without the unit: <c>1</c>, <c>1.5 to 2</c>, <c>at most 0.15</c>.</summary>
    public string Range =>
        Minimum == Maximum ? Format(Minimum) :
        double.IsNegativeInfinity(Minimum) ? $"at most {Format(Maximum)}" :
        double.IsPositiveInfinity(Maximum) ? $"at least {Format(Minimum)}" :
        $"{Format(Minimum)} to {Format(Maximum)}";

    /// <summary>A value as reports write it: five significant digits, whatever the computer's language.</summary>
    public static string Format(double value) => value.ToString("G5", CultureInfo.InvariantCulture);
}
