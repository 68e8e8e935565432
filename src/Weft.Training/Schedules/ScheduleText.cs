using System.Globalization;

namespace Weft.Training.Schedules;

/// <summary>Schedules written as text, for settings: phases one after another, each a schedule or a product of some.</summary>
/// <remarks>
/// <c>linear(start=0.01, steps=100); constant(steps=500); cosine</c> rises for 100 steps, stays for 500 and falls to the end.
/// <c>exponential(gamma=0.999) * step(interval=100, gamma=0.5)</c> multiplies factors. A phase without steps takes what is left;
/// rates in the text are shares of the peak.
/// </remarks>
public static class ScheduleText
{
    private sealed record Kind(string Name, string[] Arguments, Func<double, Arguments, LearningRateSchedule> Create);

    private sealed class Arguments(Dictionary<string, double> values, long steps)
    {
        internal long Steps => values.TryGetValue("steps", out double given) ? (long)given : steps;

        internal double Get(string name, double fallback) => values.GetValueOrDefault(name, fallback);
    }

    private static readonly Kind[] s_kinds =
    [
        new("constant", [], static (rate, _) => new ConstantRate(rate)),
        new("linear", ["start", "end"], static (rate, a) => new LinearRamp(rate, a.Get("start", 1), a.Get("end", a.Get("start", 1) < 1 ? 1 : 0), a.Steps)),
        new("cosine", ["floor"], static (rate, a) => new CosineAnnealing(rate, rate * a.Get("floor", 0), a.Steps)),
        new("polynomial", ["power"], static (rate, a) => new PolynomialDecay(rate, a.Steps, a.Get("power", 1))),
        new("exponential", ["gamma"], static (rate, a) => new ExponentialDecay(rate, a.Get("gamma", 0.999))),
        new("step", ["interval", "gamma"], static (rate, a) => new StepDecay(rate, (long)a.Get("interval", Math.Max(1, a.Steps / 3)), a.Get("gamma", 0.1))),
        new("inverseRoot", ["warmup", "timescale"], static (rate, a) => new WarmupInverseRoot(rate, (long)a.Get("warmup", 0), (long)a.Get("timescale", 0))),
        new("restarts", ["period", "multiple", "floor"], static (rate, a) => new CosineRestarts(rate, rate * a.Get("floor", 0), (long)a.Get("period", Math.Max(1, a.Steps / 4)), (long)a.Get("multiple", 1))),
        new("cyclic", ["low", "up", "down"], static (rate, a) => new CyclicRate(rate * a.Get("low", 0.1), rate, (long)a.Get("up", Math.Max(1, a.Steps / 8)), (long)a.Get("down", 0))),
        new("oneCycle", ["rise", "divisor", "finalDivisor"], static (rate, a) => new OneCycle(rate, a.Steps, a.Get("rise", 0.3), divisor: a.Get("divisor", 25), finalDivisor: a.Get("finalDivisor", 1e4))),
        new("stableDecay", ["warmup", "decay", "floor"], static (rate, a) => StableDecay(rate, a)),
    ];

    /// <summary>The names of schedules.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_kinds.Select(static k => k.Name)];

    /// <summary>Reads a schedule.</summary>
    /// <param name="text">The text.</param>
    /// <param name="rate">The peak.</param>
    /// <param name="steps">Steps of the whole run.</param>
    /// <exception cref="ArgumentException">A name is not known (with the nearest that is), a value is not a number, or a phase before the last has no steps.</exception>
    public static LearningRateSchedule Parse(string text, double rate, long steps)
    {
        string[] phases = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (phases.Length == 0) throw new ArgumentException("schedule: the text is empty.");
        List<LearningRateSchedule> schedules = [];
        List<long> milestones = [];
        long begun = 0;
        for (int i = 0; i < phases.Length; i++)
        {
            long left = Math.Max(1, steps - begun), length = 0;
            List<LearningRateSchedule> factors = [];
            foreach (string factor in phases[i].Split('*', StringSplitOptions.TrimEntries))
            {
                (Kind kind, Arguments arguments) = Read(factor, left);
                factors.Add(kind.Create(rate, arguments));
                length = Math.Max(length, arguments.Steps);
            }
            schedules.Add(factors.Count == 1 ? factors[0] : new ScheduleProduct(rate, factors));
            if (i == phases.Length - 1) break;
            if (!phases[i].Contains("steps", StringComparison.OrdinalIgnoreCase)) throw new ArgumentException($"schedule: '{phases[i]}' needs steps, since another phase follows it.");
            milestones.Add(begun += length);
        }
        return schedules.Count == 1 ? schedules[0] : new ScheduleSequence(schedules, milestones);
    }

    private static (Kind, Arguments) Read(string text, long steps)
    {
        int open = text.IndexOf('(', StringComparison.Ordinal);
        string name = (open < 0 ? text : text[..open]).Trim();
        Kind kind = s_kinds.FirstOrDefault(k => string.Equals(k.Name, name, StringComparison.OrdinalIgnoreCase))
            ?? throw new ArgumentException($"There is no schedule '{name}'; did you mean '{Names.MinBy(n => EditDistance.Of(n, name))}'? There are {string.Join(", ", Names)}.");
        Dictionary<string, double> values = new(StringComparer.OrdinalIgnoreCase);
        if (open < 0) return (kind, new Arguments(values, steps));
        if (!text.EndsWith(')')) throw new ArgumentException($"schedule: '{text}' lacks its closing bracket.");
        foreach (string part in text[(open + 1)..^1].Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] pair = part.Split('=', 2, StringSplitOptions.TrimEntries);
            string[] known = [.. kind.Arguments, "steps"];
            if (!known.Contains(pair[0], StringComparer.OrdinalIgnoreCase)) throw new ArgumentException($"The schedule {kind.Name} has no '{pair[0]}'; did you mean '{known.MinBy(n => EditDistance.Of(n, pair[0]))}'?");
            if (pair.Length < 2 || !double.TryParse(pair[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !double.IsFinite(value))
                throw new ArgumentException($"schedule: '{part}' is not of the form name=number.");
            values[pair[0]] = value;
        }
        return (kind, new Arguments(values, steps));
    }

    private static WarmupStableDecay StableDecay(double rate, Arguments a)
    {
        long warmup = (long)a.Get("warmup", 0), decay = (long)a.Get("decay", a.Steps / 5);
        return new WarmupStableDecay(rate, warmup, Math.Max(0, a.Steps - warmup - decay), decay, floorShare: a.Get("floor", 0));
    }
}
