using Weft.Tensors.Autograd;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>Every operation that the library offers has a line in a table, and every line's gradients are those of central differences.</summary>
/// <remarks>
/// A new operation without a line fails <see cref="Table_OfOperations_HasALineForEach"/>, which names it: add the line to the file of
/// its family, or, if no gradient flows through it, its name to <see cref="NotDifferentiable"/>.
/// </remarks>
public sealed class GradientTableTests
{
    private static readonly GradientCase[] s_lines =
    [
        .. ElementwiseGradients.Lines,
        .. ShapeGradients.Lines,
        .. NetworkGradients.Lines,
        .. LossGradients.Lines,
        .. SpatialGradients.Lines,
    ];

    // Masks, counts and indices; rounding to a number format, whose gradient is not the derivative of a staircase; and products with
    // matrices as they are stored, which refuse to be recorded.
    private const string NotDifferentiable =
        """
        Equal(T, T) Equal(T, double) NotEqual(T, T) NotEqual(T, double) Less(T, T) Less(T, double) LessOrEqual(T, T) LessOrEqual(T, double)
        Greater(T, T) Greater(T, double) GreaterOrEqual(T, T) GreaterOrEqual(T, double) IsNaN IsInfinity IsFinite
        LogicalAnd LogicalOr LogicalXor LogicalNot All Any CountNonZero UpperMask
        ArgMax(T) ArgMax(T, int, bool) ArgMin(T) ArgMin(T, int, bool) ArgSort NonZero OneHot SearchSorted BinCount Unique
        RoundTo LinearStored EmbeddingStored
        """;

    public static TheoryData<string> Ops => [.. s_lines.Select(static line => line.Op)];

    public static TheoryData<string> OpsTwice => [.. s_lines.Where(static line => line.NoSecond is null).Select(static line => line.Op)];

    [Fact]
    public void Table_OfOperations_HasALineForEach()
    {
        // Keys hold blanks inside their brackets only.
        string[] without = System.Text.RegularExpressions.Regex.Matches(NotDifferentiable, @"\w+(\([^)]*\))?").Select(static m => m.Value).ToArray();
        string[] listed = [.. s_lines.Select(static line => line.Op), .. without];
        Assert.Empty(listed.GroupBy(static op => op).Where(static g => g.Count() > 1).Select(static g => g.Key));
        Assert.True(!OpSurface.Keys.Except(listed).Any(), $"No gradient check: {string.Join("; ", OpSurface.Keys.Except(listed))}. Add a line to the table in GradientTables/.");
        Assert.True(!listed.Except(OpSurface.Keys).Any(), $"There is no operation (or, with one overload more, it is written with its parameters): {string.Join("; ", listed.Except(OpSurface.Keys))}.");
    }

    [Fact]
    public void Table_OfEachLine_TriesEnoughShapes()
    {
        foreach (GradientCase line in s_lines)
        {
            int[][] sets = [.. line.ShapeSets.Select(static set => set.SelectMany(static s => s.ToArray()).ToArray())];
            Assert.True(sets.Length >= 5, $"{line.Op}: {sets.Length} sets of shapes.");
            Assert.True(sets.Any(static set => set.Any(static n => n >= 3 && n % 2 == 1)), $"{line.Op}: no odd size.");
            Assert.True(sets.Any(static set => set.Contains(1)), $"{line.Op}: no size 1.");
            Assert.True(line.NoEmpty is null == sets.Any(static set => set.Contains(0)), $"{line.Op}: no empty shape, or a reason for none although there is one.");
        }
    }

    [Theory]
    [MemberData(nameof(Ops))]
    public void Gradient_OfEveryOperation_EqualsCentralDifferences(string op) => Check(op, static (line, inputs) => GradientCheck.Run(line.Function, inputs));

    [Theory]
    [MemberData(nameof(OpsTwice))]
    public void SecondDerivative_OfEveryOperation_EqualsCentralDifferences(string op) => Check(op, static (line, inputs) => GradientCheck.RunSecond(line.Function, inputs));

    // Row-major inputs, then the same values in views.
    private static void Check(string op, Action<GradientCase, Tensor[]> check)
    {
        GradientCase line = s_lines.Single(l => l.Op == op);
        foreach (Shape[] shapes in line.ShapeSets)
            foreach (bool views in (bool[])[false, true])
            {
                try { check(line, line.Inputs(shapes, views)); }
                catch (Exception e) { throw new InvalidOperationException($"{op} of {string.Join(" ", shapes)}{(views ? " in views" : "")}: {e.Message}", e); }
            }
    }
}
