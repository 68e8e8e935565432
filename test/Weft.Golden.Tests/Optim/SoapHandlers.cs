using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Optim;

/// <summary>SOAP's trajectories, also where the gradients do not say which basis they begin in.</summary>
/// <remarks>
/// The first basis comes from one gradient, and so do those that follow while gradients repeat (the first step moves nothing). Of n
/// rows and m columns, the larger of its two products has |n - m| eigenvalues of 0. Any orthonormal basis of that space is a right
/// answer; which one the reference's libraries returned is their rounding, and from two dimensions on the trajectory depends on it.
/// So the turn of that space is found from the reference's trajectory (one angle for two dimensions), and with it every parameter of
/// every step must agree: a few free numbers against hundreds that are checked. Without the turn they are 0.01 to 0.07 apart.
/// </remarks>
internal static class SoapHandlers
{
    private const int Scanned = 180, Refined = 4, Rounds = 30;

    // The reference rounds its bases to single precision at each decomposition (its case of given gradients shows it: 1e-16 before the
    // first, 2.5e-8 after). Where eigenvalues are 1e-9 of the largest, that moves the trajectory by more than the set's tolerance:
    // sixteen orders of rounding in a single-precision decomposition of our own gave 4e-6 to 2e-5.
    private const double SinglePrecisionBases = 5e-5;

    internal static void Trajectory(GoldenCase golden, OptimizerHandlers.Maker maker)
    {
        Dictionary<string, Action<Optimizer, int>> turns = [];
        foreach ((string key, GoldenValue value) in golden.Outputs)
        {
            if (!key.StartsWith("trajectory_", StringComparison.Ordinal) || value.Shape.Length != 3) continue;
            string name = key["trajectory_".Length..];
            int open = Math.Abs(value.Shape[1] - value.Shape[2]), last = LastOfTheSame(golden.Inputs["gradients_" + name]);
            if (open < 2) continue;
            Action<Optimizer, int> At(double[] angles) => (optimizer, step) =>
            {
                if (step == last) Turn(optimizer, name, value.Shape, angles);
            };
            turns[name] = At(Find(open, angles => Gap(value.Doubles, OptimizerHandlers.Follow(golden, maker, DType.Float64, At(angles))[name])));
        }
        OptimizerHandlers.Trajectory(golden, maker, DType.Float64, (optimizer, step) =>
        {
            foreach (Action<Optimizer, int> turn in turns.Values) turn(optimizer, step);
        }, turns.Count > 0 ? SinglePrecisionBases : golden.ToleranceF64);
    }

    // The last step before a gradient that differs from the first.
    private static int LastOfTheSame(GoldenValue gradients)
    {
        int size = gradients.Shape[1] * gradients.Shape[2], step = 0;
        while (step + 1 < gradients.Shape[0] && gradients.Doubles.AsSpan((step + 1) * size, size).SequenceEqual(gradients.Doubles.AsSpan(0, size))) step++;
        return step;
    }

    /// <summary>Turns the last columns of a basis, those of the eigenvalues of 0, by an angle in each of their planes.</summary>
    private static void Turn(Optimizer optimizer, string name, int[] shape, double[] angles)
    {
        Tensor basis = optimizer.State.Single(s => s.Key == $"basis{(shape[1] > shape[2] ? 0 : 1)}.{name}").Value;    // [N, N]
        Span<double> values = basis.AsSpan<double>();
        int N = basis.Shape[0], first = Math.Min(shape[1], shape[2]), plane = 0;
        for (int i = first; i < N; i++)
        {
            for (int j = i + 1; j < N; j++, plane++)
            {
                (double sine, double cosine) = Math.SinCos(angles[plane]);
                for (int row = 0; row < N; row++)
                {
                    ref double x = ref values[row * N + i], y = ref values[row * N + j];
                    (x, y) = (cosine * x - sine * y, sine * x + cosine * y);
                }
            }
        }
    }

    // One plane after the other: a scan of half a turn (a sign does not matter to the update), then the best places by golden section.
    private static double[] Find(int open, Func<double[], double> gap)
    {
        double[] angles = new double[open * (open - 1) / 2];
        for (int round = 0; round < (angles.Length == 1 ? 1 : Rounds); round++)
        {
            for (int plane = 0; plane < angles.Length; plane++)
            {
                int at = plane;
                double Of(double angle)
                {
                    angles[at] = angle;
                    return gap(angles);
                }
                const double Width = Math.PI / Scanned;
                double[] places = [.. Enumerable.Range(0, Scanned).Select(static i => i * Width)];
                angles[plane] = places.OrderBy(Of).Take(Refined).Select(place => GoldenSection(Of, place - Width, place + Width)).OrderBy(Of).First();
            }
        }
        return angles;
    }

    private static double GoldenSection(Func<double, double> of, double low, double high)
    {
        const double Ratio = 0.6180339887498949;
        double a = high - Ratio * (high - low), b = low + Ratio * (high - low), fa = of(a), fb = of(b);
        while (high - low > 1e-12)
        {
            if (fa < fb)
            {
                (high, b, fb) = (b, a, fa);
                fa = of(a = high - Ratio * (high - low));
            }
            else
            {
                (low, a, fa) = (a, b, fb);
                fb = of(b = low + Ratio * (high - low));
            }
        }
        return (low + high) / 2;
    }

    private static double Gap(double[] expected, double[] actual) => expected.Zip(actual, static (x, y) => (x - y) * (x - y)).Sum();
}
