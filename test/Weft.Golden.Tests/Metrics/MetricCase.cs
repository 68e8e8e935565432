using System.Globalization;
using System.Text.Json;

namespace Weft.Golden.Tests.Metrics;

/// <summary>A case of metrics: every output is computed by its name, and one whose name is not known fails.</summary>
internal sealed class MetricCase(GoldenCase golden)
{
    public double[] Doubles(string name) => golden.Inputs[name].Doubles;

    public int[] Ints(string name) => golden.Inputs[name].Ints;

    /// <summary>Absent and null are both "not given".</summary>
    public double[] DoublesOrEmpty(string name) => Has(name) ? golden.Inputs[name].Doubles : [];

    public bool Has(string name) => golden.Inputs.TryGetValue(name, out GoldenValue? value) && value.Json.ValueKind != JsonValueKind.Null;

    public double[,] Matrix(string name)
    {
        GoldenValue value = golden.Inputs[name];
        double[,] matrix = new double[value.Shape[0], value.Shape[1]];
        for (int i = 0; i < value.Count; i++) matrix[i / value.Shape[1], i % value.Shape[1]] = value.Doubles[i];
        return matrix;
    }

    public bool[,] Decisions(string name)
    {
        double[,] values = Matrix(name);
        bool[,] decisions = new bool[values.GetLength(0), values.GetLength(1)];
        for (int i = 0; i < values.GetLength(0); i++) for (int j = 0; j < values.GetLength(1); j++) decisions[i, j] = values[i, j] != 0;
        return decisions;
    }

    /// <summary>Compares every output with what a function of its name gives.</summary>
    public void Check(Func<string, double[]?> compute)
    {
        foreach ((string name, GoldenValue expected) in golden.Outputs)
        {
            double[] actual = compute(name) ?? throw new InvalidDataException($"{golden}: the output \"{name}\" is not known to the runner.");
            GoldenAssert.Close(expected.Doubles, actual, golden.ToleranceF64, expected.Label);
        }
    }

    public static double Number(string text) => text == "nan" ? double.NaN : double.Parse(text, CultureInfo.InvariantCulture);

    public static double[] Flat(double[,] matrix) => [.. matrix.Cast<double>()];
}
