namespace Weft.Testing;

/// <summary>Compares what the library computed with a reference value, by the rule of the golden sets.</summary>
/// <remarks>
/// Largest absolute error over the finite entries at most tolerance * max(1, largest finite |expected|); NaN and infinities in the
/// same places; integers and booleans exactly. A failure names the case, the tensor, the worst position and both values there.
/// </remarks>
internal static class GoldenAssert
{
    public static void Close(GoldenValue expected, ReadOnlySpan<int> shape, ReadOnlySpan<double> actual, double tolerance, string what = "")
    {
        string label = what.Length == 0 ? expected.Label : $"{expected.Label} ({what})";
        Shape(label, expected.Shape, shape, actual.Length);
        Close(label, expected.Shape, expected.Doubles, actual, expected.IsFloating ? tolerance : 0);
    }

    public static void Close(GoldenValue expected, ReadOnlySpan<int> shape, ReadOnlySpan<float> actual, double tolerance, string what = "") =>
        Close(expected, shape, Widen(actual), tolerance, what);

    /// <summary>For a single value.</summary>
    public static void Close(GoldenValue expected, double actual, double tolerance, string what = "") =>
        Close(expected, expected.Shape, [actual], tolerance, what);

    /// <summary>For values that do not come from a golden file.</summary>
    public static void Close(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance, string what)
    {
        Shape(what, [expected.Length], [actual.Length], actual.Length);
        Close(what, [expected.Length], expected, actual, tolerance);
    }

    public static void Equal(GoldenValue expected, ReadOnlySpan<int> shape, ReadOnlySpan<long> actual, string what = "")
    {
        string label = what.Length == 0 ? expected.Label : $"{expected.Label} ({what})";
        Shape(label, expected.Shape, shape, actual.Length);
        long[] longs = expected.Longs;
        for (int i = 0; i < longs.Length; i++)
            if (longs[i] != actual[i])
                Assert.Fail($"{label}{Position(expected.Shape, i)}: expected {longs[i]}, got {actual[i]}.");
    }

    public static void Equal(GoldenValue expected, ReadOnlySpan<int> shape, ReadOnlySpan<int> actual, string what = "")
    {
        long[] longs = new long[actual.Length];
        for (int i = 0; i < longs.Length; i++) longs[i] = actual[i];
        Equal(expected, shape, longs, what);
    }

    public static void Equal(GoldenValue expected, ReadOnlySpan<int> shape, ReadOnlySpan<bool> actual, string what = "")
    {
        long[] longs = new long[actual.Length];
        for (int i = 0; i < longs.Length; i++) longs[i] = actual[i] ? 1 : 0;
        Equal(expected, shape, longs, what);
    }

    private static void Close(string label, int[] shape, ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance)
    {
        double largest = 0, worstError = 0;
        int worst = -1, wrong = 0;
        foreach (double value in expected)
            if (double.IsFinite(value)) largest = Math.Max(largest, Math.Abs(value));
        double allowed = tolerance * Math.Max(1, largest);

        for (int i = 0; i < expected.Length; i++)
        {
            double error = double.IsFinite(expected[i]) && double.IsFinite(actual[i]) ? Math.Abs(expected[i] - actual[i])
                : expected[i].Equals(actual[i]) ? 0 // Equals holds for NaN and NaN.
                : double.PositiveInfinity;
            if (error > allowed) wrong++;
            if (error > worstError) (worst, worstError) = (i, error);
        }
        if (wrong > 0)
            Assert.Fail($"{label}{Position(shape, worst)}: expected {expected[worst]:R}, got {actual[worst]:R} " +
                $"(error {worstError:g3}, allowed {allowed:g3}; {wrong} of {expected.Length} are wrong).");
    }

    private static void Shape(string label, ReadOnlySpan<int> expected, ReadOnlySpan<int> actual, int count)
    {
        if (!expected.SequenceEqual(actual)) Assert.Fail($"{label}: expected shape [{Join(expected)}], got [{Join(actual)}].");
        long product = 1;
        foreach (int size in expected) product *= size;
        if (product != count) Assert.Fail($"{label}: shape [{Join(expected)}] has {product} elements, {count} are given.");
    }

    private static string Position(ReadOnlySpan<int> shape, int index)
    {
        int[] at = new int[shape.Length];
        for (int d = shape.Length - 1; d >= 0; d--) (index, at[d]) = Math.DivRem(index, Math.Max(1, shape[d]));
        return $"[{Join(at)}]";
    }

    private static string Join(ReadOnlySpan<int> values) => string.Join(", ", values.ToArray());

    private static double[] Widen(ReadOnlySpan<float> values)
    {
        double[] doubles = new double[values.Length];
        for (int i = 0; i < doubles.Length; i++) doubles[i] = values[i];
        return doubles;
    }
}
