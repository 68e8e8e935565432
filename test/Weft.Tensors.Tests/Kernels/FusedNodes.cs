namespace Weft.Tensors.Tests.Kernels;

/// <summary>Compares fused float32 nodes with the composition of elementary operations in float64: values and gradients.</summary>
internal static class FusedNodes
{
    // Rounding of float32 inputs and sums of up to some hundred terms of size one.
    private const double Tolerance = 1e-5;

    internal static Tensor Random(Shape shape, int seed, double scale = 1)
    {
        RandomGenerator generator = new((ulong)seed);
        return generator.FillGaussian(Tensor.Uninitialized(shape), 0, scale);
    }

    internal static void Check(Func<Tensor[], Tensor> function, params Tensor[] inputs)
    {
        Tensor[] wide = [.. inputs.Select(static x => x.DType == DType.Float32 ? x.Detach().To(DType.Float64).RequireGrad() : x)], narrow = [.. inputs.Select(static x => x.DType == DType.Float32 ? x.Detach().RequireGrad() : x)];
        Tensor expected = function(wide), actual = function(narrow);
        Close(expected.Detach().ToArray<double>(), actual.Detach().ToArray<float>(), "value");
        Tensor dy = Random(actual.Shape, 99);
        for (int repeat = 1; repeat <= 2; repeat++) // the second time gradients accumulate
        {
            function(wide).Backward(dy.To(DType.Float64));
            function(narrow).Backward(dy);
            for (int i = 0; i < inputs.Length; i++)
                if (narrow[i].Grad is { } gradient) Close(wide[i].Grad!.ToArray<double>(), gradient.ToArray<float>(), $"gradient of input {i}, pass {repeat}");
        }
    }

    internal static void Close(double[] expected, float[] actual, string what)
    {
        double scale = Math.Max(1, expected.Select(Math.Abs).DefaultIfEmpty().Max());
        for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= Tolerance * scale, $"{what} at {i}: {expected[i]} and {actual[i]}");
    }
}
