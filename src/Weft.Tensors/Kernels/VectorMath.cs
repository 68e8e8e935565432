using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weft.Tensors.Kernels;

/// <summary>Elementary functions on vectors of floats. Relative error about 1e-7; NaN passes through.</summary>
internal static class VectorMath
{
    /// <summary>e^x: 2^n p(r) with x = n ln 2 + r (coefficients of Cephes expf). Below -86.6 the result is 0, above 88.72 infinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Exp<TV>(TV x) where TV : struct
    {
        TV top = Simd.Create<TV>(89f), bottom = Simd.Create<TV>(-87f), clamped = Simd.SelectLess(top, x, top, x);
        if (!Simd.Scales<TV>()) clamped = Simd.SelectLess(clamped, bottom, bottom, clamped);
        TV shifted = Simd.MultiplyAdd(clamped, Simd.Create<TV>(1.44269504088896341f), Simd.Create<TV>(12582912f));
        TV n = Simd.Subtract(shifted, Simd.Create<TV>(12582912f));
        TV r = Simd.MultiplyAdd(n, Simd.Create<TV>(-0.693359375f), clamped);
        r = Simd.MultiplyAdd(n, Simd.Create<TV>(2.12194440e-4f), r);
        TV p = Simd.Create<TV>(1.9875691500e-4f);
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(1.3981999507e-3f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(8.3334519073e-3f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(4.1665795894e-2f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(1.6666665459e-1f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(5.0000001201e-1f));
        p = Simd.MultiplyAdd(p, Simd.Multiply(r, r), Simd.Add(r, Simd.Create<TV>(1f)));
        if (Simd.Scales<TV>()) return Simd.SelectLess(x, Simd.Create<TV>(-86.6f), default, Simd.Scale(p, n));
        // In two steps, since 2^128 alone is not a float.
        TV half = Simd.PowerOfTwo(Simd.Subtract(shifted, Simd.Create<TV>(1f)));
        TV y = Simd.Multiply(Simd.Multiply(p, half), Simd.Create<TV>(2f));
        y = Simd.SelectLess(x, Simd.Create<TV>(-86.6f), default, y);
        return Simd.SelectLess(Simd.Create<TV>(88.7228391f), x, Simd.Create<TV>(float.PositiveInfinity), y);
    }

    /// <summary>2^x for x below 127, as softmax needs it: 2^n p(x - n), n the nearest whole number, p a minimax polynomial (relative error 2e-9 before rounding). 0 far below.</summary>
    /// <remarks>With AVX-512 n is the nearest sixteenth, whose power comes from a table in a register: the polynomial is then half as long.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Exp2<TV>(TV x) where TV : struct
    {
        if (Simd.Scales<TV>())
        {
            // Adding this leaves a number's sixteenths in the lowest bits.
            TV sixteenths = Simd.Create<TV>(12582912f / 16), least = Simd.MaxNumber(Simd.Create<TV>(-160f), x);
            TV rounded = Simd.Add(least, sixteenths), whole = Simd.Subtract(rounded, sixteenths), rest = Simd.Subtract(least, whole);
            TV q = Simd.MultiplyAdd(Simd.Create<TV>(5.55054e-2f), rest, Simd.Create<TV>(2.40234288e-1f));
            q = Simd.MultiplyAdd(q, rest, Simd.Create<TV>(6.93147182e-1f));
            TV power = Simd.Lookup(Vector512.Create(1f, 1.04427373f, 1.09050775f, 1.13878858f, 1.18920708f, 1.24185777f, 1.29683959f, 1.35425556f, 1.41421354f, 1.47682619f, 1.54221082f, 1.61049032f, 1.68179286f, 1.75625217f, 1.8340081f, 1.91520655f), rounded);
            return Simd.Scale(Simd.MultiplyAdd(power, Simd.Multiply(q, rest), power), whole);
        }
        TV magic = Simd.Create<TV>(12582912f), bottom = Simd.Create<TV>(-126f), clamped = Simd.SelectLess(x, bottom, bottom, x);
        TV shifted = Simd.Add(clamped, magic), n = Simd.Subtract(shifted, magic), r = Simd.Subtract(clamped, n);
        TV p = Simd.Create<TV>(1.53533649e-4f);
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(1.3398875e-3f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(9.61843692e-3f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(5.55033237e-2f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(2.40226477e-1f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(6.93147182e-1f));
        p = Simd.MultiplyAdd(p, r, Simd.Create<TV>(1f));
        return Simd.SelectLess(x, bottom, default, Simd.Multiply(p, Simd.PowerOfTwo(shifted)));
    }

    /// <summary>The hyperbolic tangent (Cephes tanhf): an odd polynomial below 0.625, else 1 - 2 / (e^2x + 1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Tanh<TV>(TV x) where TV : struct
    {
        TV one = Simd.Create<TV>(1f), two = Simd.Create<TV>(2f), a = Simd.Abs(x), z = Simd.Multiply(x, x);
        TV p = Simd.Create<TV>(-5.70498872745e-3f);
        p = Simd.MultiplyAdd(p, z, Simd.Create<TV>(2.06390887954e-2f));
        p = Simd.MultiplyAdd(p, z, Simd.Create<TV>(-5.37397155531e-2f));
        p = Simd.MultiplyAdd(p, z, Simd.Create<TV>(1.33314422036e-1f));
        p = Simd.MultiplyAdd(p, z, Simd.Create<TV>(-3.33332819422e-1f));
        TV small = Simd.MultiplyAdd(Simd.Multiply(p, z), x, x);
        TV large = Simd.Subtract(one, Simd.Divide(two, Simd.Add(Exp(Simd.Multiply(two, a)), one)));
        return Simd.SelectLess(a, Simd.Create<TV>(0.625f), small, Simd.CopySign(large, x));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Sigmoid<TV>(TV x) where TV : struct
    {
        TV one = Simd.Create<TV>(1f);
        return Simd.Divide(one, Simd.Add(one, Exp(Simd.Subtract(default, x))));
    }

    /// <summary>The error function (Cephes erff, erfcf): a polynomial below 1, else 1 - e^(-x²) q(1 / x²) / x.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TV Erf<TV>(TV x) where TV : struct
    {
        TV one = Simd.Create<TV>(1f), a = Simd.Abs(x), z = Simd.Multiply(x, x);
        TV t = Simd.Create<TV>(7.853861353153693e-5f);
        t = Simd.MultiplyAdd(t, z, Simd.Create<TV>(-8.010193625184903e-4f));
        t = Simd.MultiplyAdd(t, z, Simd.Create<TV>(5.188327685732524e-3f));
        t = Simd.MultiplyAdd(t, z, Simd.Create<TV>(-2.685381193529856e-2f));
        t = Simd.MultiplyAdd(t, z, Simd.Create<TV>(1.128358514861418e-1f));
        t = Simd.MultiplyAdd(t, z, Simd.Create<TV>(-3.761262582423300e-1f));
        t = Simd.MultiplyAdd(t, z, Simd.Create<TV>(1.128379165726710f));
        TV small = Simd.Multiply(x, t);

        TV m = Simd.Max(a, one), q = Simd.Divide(one, m), y = Simd.Multiply(q, q);
        TV p = Simd.Create<TV>(2.326819970068386e-2f);
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(-1.387039388740657e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(3.687424674597105e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(-5.824733027278666e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(6.210004621745983e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(-4.944515323274145e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(3.404879937665872e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(-2.741127028184656e-1f));
        p = Simd.MultiplyAdd(p, y, Simd.Create<TV>(5.638259427386472e-1f));
        // Fitted for 1 to 2. Beyond, its relative error grows to 6e-4 while the tail falls below 0.005: together less than 5e-7.
        TV tail = Simd.Multiply(Simd.Multiply(Exp(Simd.Subtract(default, z)), q), p);
        return Simd.SelectLess(a, one, small, Simd.CopySign(Simd.Subtract(one, tail), x));
    }
}
