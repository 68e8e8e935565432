using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Finds how far to go along a direction: the loss must fall enough, and the slope must have flattened.</summary>
/// <remarks>The strong Wolfe conditions f(t) ≤ f + c₁ t f', |f'(t)| ≤ c₂ |f'| by bracketing and cubic interpolation (Nocedal and Wright 2006, algorithms 3.5 and 3.6, in the form of torch's <c>_strong_wolfe</c>).</remarks>
internal static class WolfeSearch
{
    private const double SufficientDecrease = 1e-4, Flattening = 0.9;

    private readonly record struct Point(double Length, double Loss, Tensor Gradient, double Slope);

    internal static (double Loss, Tensor Gradient, double Length) Run(
        Func<double, (double Loss, Tensor Gradient)> evaluate, Func<Tensor, Tensor, double> dot, double loss, Tensor gradient, double length, double slope, double largestDirection, double tolerance, Tensor direction, int maximumTrials)
    {
        Point start = new(0, loss, gradient, slope), before = start, now = At(length);
        int trials = 0;
        Point[] bracket = [];
        bool done = false;
        while (trials < maximumTrials)
        {
            if (now.Loss > loss + SufficientDecrease * now.Length * slope || (trials > 1 && now.Loss >= before.Loss) || Flat(now) || now.Slope >= 0)
            {
                done = !(now.Loss > loss + SufficientDecrease * now.Length * slope || (trials > 1 && now.Loss >= before.Loss)) && Flat(now);
                bracket = done ? [now] : [before, now];
                break;
            }
            double next = Cubic(before, now, now.Length + 0.01 * (now.Length - before.Length), now.Length * 10);
            (before, now) = (now, At(next));
            trials++;
        }
        if (trials == maximumTrials) bracket = [start, now];

        bool stalled = false;
        int low = bracket[0].Loss <= bracket[^1].Loss ? 0 : 1, high = 1 - low;
        while (!done && trials < maximumTrials)
        {
            if (Math.Abs(bracket[1].Length - bracket[0].Length) * largestDirection < tolerance) break;
            double least = Math.Min(bracket[0].Length, bracket[1].Length), most = Math.Max(bracket[0].Length, bracket[1].Length);
            double next = Cubic(bracket[0], bracket[1], least, most), margin = 0.1 * (most - least);
            if (Math.Min(most - next, next - least) < margin)
            {
                // Close to an end twice, or on it: a tenth of the bracket away from there.
                if (stalled || next >= most || next <= least)
                {
                    next = Math.Abs(next - most) < Math.Abs(next - least) ? most - margin : least + margin;
                    stalled = false;
                }
                else
                    stalled = true;
            }
            else
                stalled = false;
            now = At(next);
            trials++;
            if (now.Loss > loss + SufficientDecrease * now.Length * slope || now.Loss >= bracket[low].Loss)
            {
                bracket[high] = now;
                (low, high) = bracket[0].Loss <= bracket[1].Loss ? (0, 1) : (1, 0);
                continue;
            }
            if (Flat(now)) done = true;
            else if (now.Slope * (bracket[high].Length - bracket[low].Length) >= 0) bracket[high] = bracket[low];
            bracket[low] = now;
        }
        Point best = bracket[bracket.Length == 1 ? 0 : low];
        return (best.Loss, best.Gradient, best.Length);

        Point At(double t)
        {
            (double value, Tensor there) = evaluate(t);
            return new Point(t, value, there, dot(there, direction));
        }

        bool Flat(Point point) => Math.Abs(point.Slope) <= -Flattening * slope;
    }

    // The minimum of the cubic through two points and their slopes, held between bounds; their middle where there is none.
    private static double Cubic(Point a, Point b, double least, double most)
    {
        double d1 = a.Slope + b.Slope - 3 * (a.Loss - b.Loss) / (a.Length - b.Length), square = d1 * d1 - a.Slope * b.Slope;
        if (!(square >= 0)) return (least + most) / 2;
        double d2 = Math.Sqrt(square);
        double minimum = a.Length <= b.Length
            ? b.Length - (b.Length - a.Length) * ((b.Slope + d2 - d1) / (b.Slope - a.Slope + 2 * d2))
            : a.Length - (a.Length - b.Length) * ((a.Slope + d2 - d1) / (a.Slope - b.Slope + 2 * d2));
        return Math.Min(Math.Max(minimum, least), most);
    }
}
