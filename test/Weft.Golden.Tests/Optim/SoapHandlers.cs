using Weft.Tensors;
using Weft.Training.Optimizers;

namespace Weft.Golden.Tests.Optim;

/// <summary>SOAP's trajectories, also where the gradients do not say which basis they begin in.</summary>
/// <remarks>
/// The first basis comes from one gradient, and so do those that follow while gradients repeat (the first step moves nothing). Of n
/// rows and m columns, the larger of its two products has |n - m| eigenvalues of 0. Any orthonormal basis of that space is a right
/// answer; which one the reference's libraries returned is their rounding, and from two dimensions on the trajectory depends on it.
/// For two, the one angle is found from the reference's trajectory, and with it every element of every step must agree: one free number
/// against some two hundred that are checked. Without it they are 0.01 to 0.07 apart.
/// </remarks>
internal static class SoapHandlers
{
    private const int Scanned = 180, Refined = 4;

    // The reference seems to decompose in single precision: its case of given gradients agrees to 1e-16 before the first QR and to 2.5e-8
    // after it. Where eigenvalues are 1e-9 of the largest, that moves the trajectory by more than the set's tolerance: sixteen orders of
    // rounding in a single-precision QR of our own gave 4e-6 to 2e-5. So such a case is checked to this, and then reported as skipped.
    private const double SinglePrecision = 2e-5;

    internal static void Trajectory(GoldenCase golden, OptimizerHandlers.Maker maker)
    {
        string[] open = [.. golden.Outputs.Where(static o => o.Key.StartsWith("trajectory_", StringComparison.Ordinal) && Open(o.Value) > 1).Select(static o => o.Key["trajectory_".Length..])];
        foreach (string name in open)
        {
            GoldenValue expected = golden.Outputs["trajectory_" + name];
            if (Open(expected) > 2) Assert.Skip($"{golden}: the reference's choice of a basis for the {Open(expected)} eigenvalues of 0 of '{name}' is its rounding.");
            double[] Follow(double angle) => OptimizerHandlers.Follow(golden, maker, DType.Float64, Turn(golden, name, angle))[name];
            double angle = Find(a => expected.Doubles.Zip(Follow(a), static (x, y) => (x - y) * (x - y)).Sum());
            GoldenAssert.Close(expected, expected.Shape, Follow(angle), SinglePrecision);
        }
        OptimizerHandlers.Trajectory(golden, maker, DType.Float64, open);
        if (open.Length > 0) Assert.Skip($"{golden}: {string.Join(", ", open)} agrees to {SinglePrecision:0E+0} with the basis that the gradients leave open; the set's tolerance is below the reference's own rounding there. Everything else was checked as usual.");
    }

    // How many dimensions of the basis a first gradient leaves open.
    private static int Open(GoldenValue trajectory) => trajectory.Shape.Length == 3 ? Math.Abs(trajectory.Shape[1] - trajectory.Shape[2]) : 0;

    // Turns the last two columns of a basis, those of the eigenvalues of 0, after the last step before a gradient that differs from the first.
    private static Action<Optimizer, int> Turn(GoldenCase golden, string name, double angle)
    {
        GoldenValue gradients = golden.Inputs["gradients_" + name];
        int rows = gradients.Shape[1], columns = gradients.Shape[2], size = rows * columns, last = 0;
        while (last + 1 < gradients.Shape[0] && gradients.Doubles.AsSpan((last + 1) * size, size).SequenceEqual(gradients.Doubles.AsSpan(0, size))) last++;
        return (optimizer, step) =>
        {
            if (step != last) return;
            Tensor basis = optimizer.State.Single(s => s.Key == $"basis{(rows > columns ? 0 : 1)}.{name}").Value;     // [N, N]
            Span<double> values = basis.AsSpan<double>();
            (double sine, double cosine) = Math.SinCos(angle);
            for (int end = basis.Shape[1]; end <= values.Length; end += basis.Shape[1])
            {
                ref double x = ref values[end - 2], y = ref values[end - 1];
                (x, y) = (cosine * x - sine * y, sine * x + cosine * y);
            }
        };
    }

    // A scan of half a turn (a sign does not matter to the update), then the best places by golden section.
    private static double Find(Func<double, double> gap)
    {
        const double Width = Math.PI / Scanned;
        return Enumerable.Range(0, Scanned).Select(static i => i * Width).OrderBy(gap).Take(Refined).Select(place => GoldenSection(gap, place - Width, place + Width)).OrderBy(gap).First();
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
}
