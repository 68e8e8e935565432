namespace Weft.Tensors.Autograd;

/// <summary>Compares the gradients of a function with central differences, in float64.</summary>
/// <remarks>
/// The function's output is weighted with fixed irregular numbers and summed, so that errors cannot cancel. With step h the
/// difference (L(x + h) - L(x - h)) / 2h is off by h² L''' / 6 and by rounding of about 1e-16 L / h; h = 1e-5 · max(1, |x|)
/// leaves roughly 1e-10 of each, so 1e-7 is a tight bound for smooth functions.
/// </remarks>
public static class GradientCheck
{
    /// <summary>The relative error that a correct gradient stays below.</summary>
    public const double Tolerance = 1e-7;

    private const double StepSize = 1e-5;

    /// <summary>Checks the gradient of every input that requires one.</summary>
    /// <param name="function">Computes a tensor from the inputs, the same each time it is called.</param>
    /// <param name="inputs">Float64 tensors; those without <see cref="Tensor.RequireGrad"/> are held fixed.</param>
    /// <param name="tolerance">The largest error allowed, relative to max(1, the largest gradient entry).</param>
    /// <returns>The largest relative error met.</returns>
    /// <exception cref="GradientCheckException">An error is larger than the tolerance; the message says which input and entry.</exception>
    public static double Run(Func<Tensor[], Tensor> function, Tensor[] inputs, double tolerance = Tolerance)
    {
        foreach (Tensor input in inputs)
            if (input.DType.IsFloating() && input.DType != DType.Float64) throw new ArgumentException($"GradientCheck: {input} must be Float64.");

        Tensor[] sources = [.. inputs.Where(static i => i.Tracks)];
        Tensor result = function(inputs);
        Tensor weights = Weights(result.Shape);
        Tensor?[] analytic = result.Tracks ? Gradients.Of(result, sources, weights) : new Tensor?[sources.Length];

        double worst = 0;
        for (int s = 0; s < sources.Length; s++)
        {
            Tensor source = sources[s];
            double[] gradient = analytic[s]?.ToArray<double>() ?? new double[source.Count];
            double[] numeric = Numeric(function, inputs, source, weights);
            double scale = Math.Max(1, numeric.Select(Math.Abs).DefaultIfEmpty().Max());
            for (int i = 0; i < numeric.Length; i++)
            {
                double error = Math.Abs(gradient[i] - numeric[i]) / scale;
                if (!(error <= tolerance))
                    throw new GradientCheckException($"The gradient of input {Array.IndexOf(inputs, source)} {source.Shape} at element {i} is {gradient[i]:G12}, central difference {numeric[i]:G12} (error {error:E2}, allowed {tolerance:E0}).");
                worst = Math.Max(worst, error);
            }
        }
        return worst;
    }

    /// <summary>Checks second derivatives: the gradient of a weighted sum of the first gradients.</summary>
    /// <inheritdoc cref="Run"/>
    public static double RunSecond(Func<Tensor[], Tensor> function, Tensor[] inputs, double tolerance = Tolerance * 10)
    {
        Tensor[] sources = [.. inputs.Where(static i => i.Tracks)];
        return Run(all =>
        {
            using GradMode.Restorer recording = GradMode.On();
            Tensor result = function(all);
            Tensor total = Tensor.Zeros([], DType.Float64);
            if (!result.Tracks) return total; // a step function
            Tensor?[] first = Gradients.Of(result, sources, Weights(result.Shape), createGraph: true);
            foreach (Tensor? gradient in first)
                if (gradient is not null) total += (gradient * Weights(gradient.Shape)).Sum();
            return total;
        }, inputs, tolerance);
    }

    private static double[] Numeric(Func<Tensor[], Tensor> function, Tensor[] inputs, Tensor source, Tensor weights)
    {
        Tensor values = source.Detach(); // the same memory: writing it moves the function's input, views included
        double[] numeric = new double[source.Count];
        Span<int> index = stackalloc int[source.Rank];
        for (int i = 0; i < numeric.Length; i++)
        {
            int rest = i;
            for (int d = source.Rank - 1; d >= 0; d--) (rest, index[d]) = Math.DivRem(rest, source.Shape[d]);
            Tensor element = values;
            for (int d = 0; d < source.Rank; d++) element = element.Select(0, index[d]);
            double x = element.Item(), h = StepSize * Math.Max(1, Math.Abs(x));
            element.Fill(x + h);
            double above = Weighted(function(inputs), weights);
            element.Fill(x - h);
            double below = Weighted(function(inputs), weights);
            element.Fill(x);
            numeric[i] = (above - below) / (2 * h);
        }
        return numeric;
    }

    private static double Weighted(Tensor result, Tensor weights)
    {
        ReadOnlySpan<double> r = result.Detach().ToArray<double>(), w = weights.AsSpan<double>();
        double sum = 0;
        for (int i = 0; i < r.Length; i++) sum += r[i] * w[i];
        return sum;
    }

    // Fractional parts of multiples of the golden ratio: irregular, of order one, the same everywhere.
    private static Tensor Weights(Shape shape)
    {
        Tensor weights = Tensor.Uninitialized(shape, DType.Float64);
        Span<double> w = weights.AsSpan<double>();
        for (int i = 0; i < w.Length; i++) w[i] = 0.5 + (i + 1) * 0.6180339887498949 % 1;
        return weights;
    }
}

/// <summary>A gradient does not agree with the function it belongs to.</summary>
public sealed class GradientCheckException(string message) : Exception(message);
