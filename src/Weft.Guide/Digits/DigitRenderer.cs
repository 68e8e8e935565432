using Weft.Tensors;

namespace Weft.Guide.Digits;

/// <summary>Draws digits as a hand might: strokes that are shaken, turned, slanted, stretched and blurred by a seed.</summary>
/// <remarks>
/// What stands in for MNIST where it is not at hand: ten classes, 28 x 28 grey values, enough variation that a linear model is
/// far from perfect. Image i is a function of the seed and of i alone.
/// </remarks>
public static class DigitRenderer
{
    /// <summary>The side of an image, as MNIST's.</summary>
    public const int Side = 28;

    // An image takes some hundred draws for its strokes and two for the noise of each pixel.
    private const ulong DrawsPerImage = 1 << 16;

    // Polylines in a square of side 1, y downward; 0 to 9, each in one or two ways of writing it.
    private static readonly double[][][][] s_shapes =
    [
        [[Arc(0.5, 0.5, 0.28, 0.42, -90, 270)]],
        [[[0.5, 0.08, 0.5, 0.92]], [[0.32, 0.28, 0.54, 0.08, 0.54, 0.92], [0.32, 0.92, 0.76, 0.92]]],
        [[[.. Arc(0.5, 0.32, 0.27, 0.24, -170, 45), 0.22, 0.92, 0.8, 0.92]]],
        [[Arc(0.46, 0.29, 0.27, 0.21, -150, 90), Arc(0.46, 0.71, 0.3, 0.21, -90, 150)], [[0.22, 0.08, 0.74, 0.08, 0.46, 0.42], Arc(0.44, 0.68, 0.3, 0.25, -80, 150)]],
        [[[0.62, 0.92, 0.62, 0.08, 0.16, 0.66, 0.86, 0.66]], [[0.28, 0.08, 0.22, 0.52, 0.78, 0.52], [0.7, 0.2, 0.68, 0.92]]],
        [[[0.76, 0.08, 0.3, 0.08, 0.26, 0.44], Arc(0.46, 0.66, 0.3, 0.26, -130, 150)]],
        [[[0.66, 0.08, 0.4, 0.32, 0.25, 0.62], Arc(0.5, 0.68, 0.26, 0.24, -180, 180)]],
        [[[0.18, 0.1, 0.82, 0.1, 0.42, 0.92]], [[0.18, 0.1, 0.82, 0.1, 0.42, 0.92], [0.36, 0.5, 0.76, 0.5]]],
        [[Arc(0.5, 0.28, 0.22, 0.2, -180, 180), Arc(0.5, 0.7, 0.27, 0.22, -180, 180)]],
        [[Arc(0.5, 0.32, 0.26, 0.24, 0, 360), [0.76, 0.32, 0.7, 0.62, 0.52, 0.92]], [Arc(0.48, 0.32, 0.26, 0.24, 0, 360), [0.74, 0.3, 0.74, 0.92]]],
    ];

    /// <summary>Draws a set, its classes mixed.</summary>
    /// <param name="count">N.</param>
    /// <param name="seed">The same seed gives the same images.</param>
    /// <returns>Images in [0, 1], Float32 [N, 1, 28, 28], and classes, Int32 [N].</returns>
    public static (Tensor Images, Tensor Classes) Draw(int count, ulong seed)
    {
        Tensor images = Tensor.Uninitialized([count, 1, Side, Side]);
        int[] classes = new int[count];
        RandomGenerator generator = new(seed, stream: 10);
        for (int i = 0; i < count; i++)
        {
            generator.Position = (ulong)i * DrawsPerImage;
            classes[i] = generator.NextInt32(10);
            Draw(classes[i], generator, images.AsSpan<float>().Slice(i * Side * Side, Side * Side));
        }
        return (images, Tensor.From(classes));
    }

    private static void Draw(int digit, RandomGenerator generator, Span<float> image)
    {
        double[][][] ways = s_shapes[digit];
        double[][] strokes = ways[generator.NextInt32(ways.Length)];
        double angle = Normal(generator, 0.13), slant = Normal(generator, 0.18), width = 17 * (1 + Normal(generator, 0.12)), height = 20 * (1 + Normal(generator, 0.08));
        double left = Side / 2.0 + Normal(generator, 1.2), top = Side / 2.0 + Normal(generator, 1.2), thickness = 1.2 + 0.7 * generator.NextDouble();
        (double sin, double cos) = Math.SinCos(angle);
        List<(double X, double Y, double ToX, double ToY)> lines = [];
        foreach (double[] stroke in strokes)
        {
            (double X, double Y)? before = null;
            for (int i = 0; i < stroke.Length; i += 2)
            {
                double x = (stroke[i] - 0.5 + Normal(generator, 0.016)) * width, y = (stroke[i + 1] - 0.5 + Normal(generator, 0.016)) * height;
                x -= slant * y;
                (double X, double Y) at = (left + cos * x - sin * y, top + sin * x + cos * y);
                if (before is { } b) lines.Add((b.X, b.Y, at.X, at.Y));
                before = at;
            }
        }
        for (int row = 0; row < Side; row++)
        {
            for (int column = 0; column < Side; column++)
            {
                double distance = double.PositiveInfinity;
                foreach ((double X, double Y, double ToX, double ToY) line in lines) distance = Math.Min(distance, Distance(column + 0.5, row + 0.5, line));
                // Full ink inside the stroke, none a pixel outside.
                double ink = Math.Clamp(thickness + 0.5 - distance, 0, 1) + Normal(generator, 0.06);
                image[row * Side + column] = (float)Math.Clamp(ink, 0, 1);
            }
        }
    }

    private static double Normal(RandomGenerator generator, double deviation) => deviation * generator.NextGaussian();

    private static double Distance(double x, double y, (double X, double Y, double ToX, double ToY) line)
    {
        double dx = line.ToX - line.X, dy = line.ToY - line.Y, length = dx * dx + dy * dy;
        double along = length == 0 ? 0 : Math.Clamp(((x - line.X) * dx + (y - line.Y) * dy) / length, 0, 1);
        double offX = x - line.X - along * dx, offY = y - line.Y - along * dy;
        return Math.Sqrt(offX * offX + offY * offY);
    }

    // Part of an ellipse as points, clockwise in degrees from the right.
    private static double[] Arc(double centreX, double centreY, double radiusX, double radiusY, double from, double to)
    {
        const int Points = 14;
        double[] points = new double[2 * Points];
        for (int i = 0; i < Points; i++)
        {
            (double sin, double cos) = Math.SinCos((from + (to - from) * i / (Points - 1)) * Math.PI / 180);
            (points[2 * i], points[2 * i + 1]) = (centreX + radiusX * cos, centreY + radiusY * sin);
        }
        return points;
    }
}
