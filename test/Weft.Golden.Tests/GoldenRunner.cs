namespace Weft.Golden.Tests;

/// <summary>The type that a case is computed in.</summary>
[Flags]
internal enum GoldenPrecision
{
    /// <summary>Double precision: the test of correctness.</summary>
    F64 = 1,
    /// <summary>Single precision: the test of the fast path.</summary>
    F32 = 2,
}

/// <summary>Computes one case in one precision and asserts its outputs (and gradients).</summary>
internal delegate void GoldenHandler(GoldenCase golden, GoldenPrecision precision);

/// <summary>Runs the cases of one golden set: it knows operations, never cases.</summary>
internal sealed class GoldenRunner(string set)
{
    private readonly Dictionary<string, (GoldenHandler Handler, GoldenPrecision Precisions)> _handlers = new(StringComparer.Ordinal);
    private readonly List<(string Op, Func<GoldenCase, bool> When, GoldenHandler Handler)> _special = [];

    public string Set => set;

    /// <summary>The operations (a case's <c>op</c>, or <c>kind</c>) that can be computed.</summary>
    public IReadOnlyCollection<string> Ops => _handlers.Keys;

    /// <summary>Says how an operation is computed; every case of it runs once in each of the precisions.</summary>
    public void Add(string op, GoldenHandler handler, GoldenPrecision precisions = GoldenPrecision.F64 | GoldenPrecision.F32) =>
        _handlers.Add(op, (handler, precisions));

    /// <summary>Says how an operation is computed where a condition holds, such as one on the model's family.</summary>
    public void AddWhen(Func<GoldenCase, bool> when, string op, GoldenHandler handler) => _special.Add((op, when, handler));

    /// <summary>One row for each case that the set's folder holds; where there is none, one row that skips or fails with the reason.</summary>
    public static IEnumerable<TheoryDataRow<string, string>> Rows(string set)
    {
        bool any = false;
        foreach (GoldenCase golden in GoldenSet.All(set).SelectMany(file => file.Cases))
        {
            any = true;
            yield return new TheoryDataRow<string, string>(golden.Group, golden.Name) { Label = $"{golden.Group}/{golden.Name}" };
        }
        if (!any) yield return new TheoryDataRow<string, string>("", "") { Label = $"{set} is absent" };
    }

    /// <summary>Runs one case: passes, fails, or skips it because <see cref="NotBuiltYet"/> lists it.</summary>
    public void Run(string group, string name)
    {
        GoldenCase golden = GoldenSet.Require(set, group)[name];
        bool known = Handler(golden) is not null;
        if (NotBuiltYet.Find(golden) is NotBuiltYet.Row row)
        {
            if (known && row.Group != "*") ExpectFailure(golden, row);
            Assert.Skip($"Not built yet: {row.What}.");
        }
        if (!known) Assert.Fail($"{golden}: the operation \"{golden.Op}\" is neither known to the runner nor listed as not built yet.");
        Compute(golden);
    }

    /// <summary>The rows of <see cref="NotBuiltYet"/> that hold an operation back which this runner knows.</summary>
    public IEnumerable<string> OutdatedRows() =>
        from row in NotBuiltYet.Rows
        where row.Set == set && row.Group == "*" && _handlers.ContainsKey(row.Op)
        select row.Op;

    private (GoldenHandler Handler, GoldenPrecision Precisions)? Handler(GoldenCase golden)
    {
        foreach ((string op, Func<GoldenCase, bool> when, GoldenHandler handler) in _special)
            if (op == golden.Op && when(golden)) return (handler, GoldenPrecision.F64 | GoldenPrecision.F32);
        return _handlers.TryGetValue(golden.Op, out (GoldenHandler, GoldenPrecision) found) ? found : null;
    }

    private void Compute(GoldenCase golden)
    {
        (GoldenHandler handler, GoldenPrecision precisions) = Handler(golden)!.Value;
        if (precisions.HasFlag(GoldenPrecision.F64)) handler(golden, GoldenPrecision.F64);
        if (precisions.HasFlag(GoldenPrecision.F32)) handler(golden, GoldenPrecision.F32);
    }

    // An operation that works for some groups only (a model family that is missing): a listed case that passes is no longer missing.
    private void ExpectFailure(GoldenCase golden, NotBuiltYet.Row row)
    {
        try { Compute(golden); }
        catch (Exception) { return; }
        Assert.Fail($"{golden} passes, but the table of what is not built yet lists {row.Set}/{row.Group} {row.Op}: take the row out.");
    }
}
