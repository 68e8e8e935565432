namespace Weft.Tensors;

/// <summary>Scalar special functions in double precision that .NET does not have.</summary>
internal static class SpecialFunctions
{
    private const double TwoOverSqrtPi = 1.1283791670955126; // 2 / √π
    private const double OneOverSqrtPi = 0.5641895835477563; // 1 / √π
    private const double HalfLogTwoPi = 0.9189385332046728; // ln(2π) / 2

    // Below this the power series is the shorter one, above it the continued fraction (about 60 terms each at the border).
    private const double SeriesLimit = 2.5;

    // ---- Error function -------------------------------------------------------------------------------------------------

    /// <summary>erf x = 2/√π ∫₀ˣ exp(-t²) dt, to about 2e-16.</summary>
    internal static double Erf(double x)
    {
        if (double.IsNaN(x)) return x;
        double a = Math.Abs(x);
        if (a >= 6) return Math.Sign(x); // 1 - erf 6 is 2e-17
        return a < SeriesLimit ? ErfSeries(x) : Math.CopySign(1 - ErfcFraction(a), x);
    }

    /// <summary>erfc x = 1 - erf x, without the loss of digits at large x.</summary>
    internal static double Erfc(double x)
    {
        if (double.IsNaN(x)) return x;
        if (x < 0.5) return 1 - Erf(x);
        if (x < SeriesLimit) return x < 1.25 ? 1 - ErfSeries(x) : ErfcFraction(x);
        return x > 27.3 ? 0 : ErfcFraction(x); // exp(-27.3²) is below the smallest double
    }

    // erf x = 2/√π exp(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!   (Abramowitz and Stegun 7.1.6): all terms have one sign
    private static double ErfSeries(double x)
    {
        double xx = x * x, term = x, sum = x;
        for (int n = 1; Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
        {
            term *= 2 * xx / (2 * n + 1);
            sum += term;
        }
        return TwoOverSqrtPi * ExpMinusSquare(x) * sum;
    }

    // erfc x = exp(-x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + ..))))   (Abramowitz and Stegun 7.1.14), from the inside out
    private static double ErfcFraction(double x)
    {
        int terms = 20 + (int)(600 / (x * x));
        double f = x;
        for (int n = terms; n >= 1; n--) f = x + n * 0.5 / f;
        return OneOverSqrtPi * ExpMinusSquare(x) / f;
    }

    // The rounding error of x², which exp would magnify, is put back to first order.
    private static double ExpMinusSquare(double x)
    {
        double xx = x * x, lost = Math.FusedMultiplyAdd(x, x, -xx);
        return Math.Exp(-xx) * (1 - lost);
    }

    /// <summary>The x with erf x = y, for y in [-1, 1].</summary>
    internal static double ErfInverse(double y)
    {
        if (double.IsNaN(y) || Math.Abs(y) > 1) return double.NaN;
        if (Math.Abs(y) == 1) return y * double.PositiveInfinity;
        if (y == 0) return y;

        // Winitzki's (2008) closed form is good to 2e-3; each of Halley's steps triples the digits.
        const double a = 0.147;
        double tail = 1 - Math.Abs(y), log = Math.Log(tail * (1 + Math.Abs(y))), first = 2 / (Math.PI * a) + log / 2;
        double x = Math.Sqrt(Math.Sqrt(first * first - log / a) - first);
        for (int i = 0; i < 4; i++)
        {
            double error = x < 0.5 ? Erf(x) - Math.Abs(y) : tail - Erfc(x);
            double step = error / (TwoOverSqrtPi * Math.Exp(-x * x));
            x -= step / (1 + x * step);
        }
        return Math.CopySign(x, y);
    }

    // ---- Gamma function -------------------------------------------------------------------------------------------------

    /// <summary>ln |Γ(x)|, to about 1e-15 relative to max(1, |result|).</summary>
    internal static double LogGamma(double x)
    {
        if (double.IsNaN(x)) return x;
        if (double.IsInfinity(x)) return double.PositiveInfinity;
        if (x <= 0)
        {
            if (x == Math.Floor(x)) return double.PositiveInfinity;
            // Γ(x) Γ(1-x) = π / sin πx
            if (x > -1e-10) return -Math.Log(-x) - x * 0.5772156649015329; // Γ(x) = 1/x - γ + O(x)
            return Math.Log(Math.PI / Math.Abs(SinPi(x))) - LogGamma(1 - x);
        }
        if (x is 1 or 2) return 0;
        double product = 1;
        for (; x < 15; x++) product *= x;
        // Stirling's series (Abramowitz and Stegun 6.1.41); at 15 the term after the last is below 1e-17.
        double r = 1 / x, rr = r * r;
        double series = r * (1.0 / 12 - rr * (1.0 / 360 - rr * (1.0 / 1260 - rr * (1.0 / 1680 - rr * (1.0 / 1188 - rr * (691.0 / 360360 - rr / 156))))));
        return (x - 0.5) * Math.Log(x) - x + HalfLogTwoPi + series - Math.Log(product);
    }

    /// <summary>The derivative of order <paramref name="n"/> of ψ = (ln Γ)'; order 0 is ψ itself.</summary>
    internal static double Polygamma(int n, double x)
    {
        if (double.IsNaN(x) || (x <= 0 && x == Math.Floor(x))) return double.NaN;
        if (n == 0 && x < 0) return Polygamma(0, 1 - x) - Math.PI * CosPi(x) / SinPi(x);
        if (n == 1 && x < 0) return Math.PI * Math.PI / (SinPi(x) * SinPi(x)) - Polygamma(1, 1 - x);

        // ψₙ(x) = ψₙ(x+1) - (-1)ⁿ n! / xⁿ⁺¹, then the asymptotic series (Abramowitz and Stegun 6.3.18, 6.4.11).
        double factorial = 1, shift = 0, sign = n % 2 == 0 ? -1 : 1;
        for (int i = 2; i <= n; i++) factorial *= i;
        int steps = 0;
        for (double limit = 15 + n; x < limit; x++)
        {
            if (++steps > 100_000) return double.NaN; // order 2 and more far below zero
            shift += sign * factorial / Power(x, n + 1);
        }
        double series;
        if (n == 0)
        {
            series = Math.Log(x) - 0.5 / x;
            for (int k = 1; k <= s_bernoulli.Length; k++) series -= s_bernoulli[k - 1] / (2 * k * Power(x, 2 * k));
            return series + shift;
        }
        series = factorial / n / Power(x, n) + factorial / (2 * Power(x, n + 1));
        double rising = factorial / n; // (2k + n - 1)! / (2k)!, starting at k = 0
        for (int k = 1; k <= s_bernoulli.Length; k++)
        {
            rising *= (2.0 * k + n - 2) * (2 * k + n - 1) / ((2.0 * k - 1) * (2 * k));
            series += s_bernoulli[k - 1] * rising / Power(x, 2 * k + n);
        }
        return sign * series + shift;
    }

    // B₂, B₄, .. B₁₈
    private static readonly double[] s_bernoulli = [1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798];

    private static double Power(double x, int n)
    {
        double result = 1;
        for (int i = 0; i < n; i++) result *= x;
        return result;
    }

    private static double SinPi(double x) => double.SinPi(x);

    private static double CosPi(double x) => double.CosPi(x);

    // ---- Elementary functions near zero ---------------------------------------------------------------------------------

    /// <summary>e^x - 1 without cancellation (Kahan's correction); .NET's own subtracts.</summary>
    internal static double ExpMinusOne(double x)
    {
        if (Math.Abs(x) > 1) return Math.Exp(x) - 1;
        double u = Math.Exp(x), d = u - 1;
        return u == 1 || d == 0 ? x : d * x / Math.Log(u);
    }

    /// <summary>ln(1 + x) without cancellation (Kahan's correction); .NET's own adds.</summary>
    internal static double LogOnePlus(double x)
    {
        double u = 1 + x;
        if (u == 1) return x;
        return double.IsInfinity(u) || Math.Abs(x) > 1 ? Math.Log(u) : Math.Log(u) * x / (u - 1);
    }
}
