using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>A number format of 16 or 8 bits in which weights are stored, or to which results are rounded.</summary>
public enum NumberFormat
{
    /// <summary>bfloat16: 8 bits of exponent, 7 of fraction; the upper half of a float32.</summary>
    BFloat16,

    /// <summary>IEEE 754 binary16: 5 bits of exponent, 10 of fraction.</summary>
    Float16,

    /// <summary>OCP E4M3 without infinities (Micikevicius et al. 2022, arXiv:2209.05433): 4 bits of exponent, 3 of fraction, largest value 448.</summary>
    Float8E4M3,

    /// <summary>OCP E5M2 (arXiv:2209.05433): 5 bits of exponent, 2 of fraction; the upper half of a float16.</summary>
    Float8E5M2,
}

/// <summary>Rounding to low-precision formats and back, to nearest with ties to even.</summary>
public static class NumberFormats
{
    // 2^-9, the smallest E4M3, and 464, from which on a value is nearer to 480 than to 448, the largest.
    private const float SmallestE4M3 = 0.001953125f, BeyondE4M3 = 464;

    /// <summary>The bits of the nearest number of a format. A NaN stays one; its payload is not kept.</summary>
    /// <remarks>
    /// Beyond the largest number, float16 and E5M2 give infinity and bfloat16 does so beyond its own. E4M3 has no infinity: it gives ±448 if
    /// saturating (as torch does from 2.13 on), else NaN (as in the OCP specification's other mode and ml_dtypes).
    /// </remarks>
    public static int Encode(NumberFormat format, float value, bool saturating = true) => format switch
    {
        NumberFormat.BFloat16 => EncodeBFloat16(value),
        NumberFormat.Float16 => BitConverter.HalfToUInt16Bits((Half)value),
        NumberFormat.Float8E4M3 => EncodeE4M3(value, saturating),
        _ => EncodeE5M2(value),
    };

    /// <summary>The bits of the nearest number of a format, rounded once. Going through float32 first can differ in the last place: 1 + 2^-11 + 2^-40 in float16.</summary>
    public static int Encode(NumberFormat format, double value, bool saturating = true)
    {
        if (format == NumberFormat.Float16) return BitConverter.HalfToUInt16Bits((Half)value);
        // Rounding to odd keeps what decides a tie: float32 has more than two bits beyond every format here (Boldo and Melquiond 2008).
        float single = (float)value;
        if (double.IsFinite(value) && single != value)
        {
            uint bits = BitConverter.SingleToUInt32Bits(single);
            if (float.IsInfinity(single) || Math.Abs((double)single) > Math.Abs(value)) bits--; // towards zero
            single = BitConverter.UInt32BitsToSingle(bits | 1);
        }
        return Encode(format, single, saturating);
    }

    /// <summary>The number that bits mean. Exact.</summary>
    public static float Decode(NumberFormat format, int bits) => format switch
    {
        NumberFormat.BFloat16 => BitConverter.Int32BitsToSingle(bits << 16),
        NumberFormat.Float16 => (float)BitConverter.UInt16BitsToHalf((ushort)bits),
        NumberFormat.Float8E4M3 => DecodeE4M3((byte)bits),
        _ => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8)),
    };

    /// <summary>Each element rounded to the nearest number of a format; the element type stays. Shapes: x -> alike.</summary>
    /// <remarks>The gradient is rounded as well, as a cast to the format and back rounds it: what torch's <c>x.to(bfloat16).float()</c> does.</remarks>
    public static Tensor RoundTo(this Tensor x, NumberFormat format)
    {
        Elementwise.RequireFloating(x, nameof(RoundTo));
        Tensor source = x.IsContiguous ? x : x.Detach().Contiguous(), y = Tensor.Uninitialized(x.Shape, x.DType);
        if (x.DType == DType.Float32)
        {
            ReadOnlySpan<float> from = source.AsSpan<float>();
            Span<float> to = y.AsSpan<float>();
            for (int i = 0; i < to.Length; i++) to[i] = Decode(format, Encode(format, from[i]));
        }
        else
        {
            ReadOnlySpan<double> from = source.AsSpan<double>();
            Span<double> to = y.AsSpan<double>();
            for (int i = 0; i < to.Length; i++) to[i] = Decode(format, Encode(format, from[i]));
        }
        if (!GradMode.Records(x)) return y;
        RoundNode node = RoundNode.Rent();
        node.Format = format;
        node.Connect(y, x);
        return y;
    }

    internal static ushort EncodeBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return (ushort)((bits >> 16) | 0x40); // rounding could carry a NaN into infinity
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    // Not through Half: that would round twice.
    private static int EncodeE5M2(float value)
    {
        int sign = BitConverter.SingleToInt32Bits(value) >> 31 & 0x80;
        float magnitude = MathF.Abs(value);
        if (float.IsNaN(value)) return sign | 0x7F;
        return sign | (magnitude >= 61440 ? 0x7C : Nearest(magnitude, fractionBits: 2, smallestExponent: -14)); // 61440 lies midway to 2^16
    }

    private static int EncodeE4M3(float value, bool saturating)
    {
        int sign = BitConverter.SingleToInt32Bits(value) >> 31 & 0x80;
        float magnitude = MathF.Abs(value);
        if (float.IsNaN(value)) return sign | 0x7F;
        if (magnitude > BeyondE4M3) return sign | (saturating ? 0x7E : 0x7F);
        return sign | Math.Min(0x7E, Nearest(magnitude, fractionBits: 3, smallestExponent: -6));
    }

    // Exponent and fraction of the nearest number with so many bits of fraction; exponents below the smallest are subnormal.
    private static int Nearest(float magnitude, int fractionBits, int smallestExponent)
    {
        if (magnitude == 0) return 0;
        int exponent = Math.Max(MathF.ILogB(magnitude), smallestExponent);
        // In units of the last place; the scaling is exact, and the rounding half to even.
        int units = (int)MathF.Round(MathF.ScaleB(magnitude, fractionBits - exponent), MidpointRounding.ToEven);
        // A normal number's leading one adds 1 to the exponent field; so does a carry out of the fraction.
        return ((exponent - smallestExponent) << fractionBits) + units;
    }

    // Bias 7, no infinities, all ones is NaN.
    private static float DecodeE4M3(byte code)
    {
        int exponent = (code >> 3) & 15, fraction = code & 7;
        float magnitude = exponent == 0 ? fraction * SmallestE4M3
            : (code & 0x7F) == 0x7F ? float.NaN
            : MathF.ScaleB(8 + fraction, exponent - 10);
        return (code & 0x80) != 0 ? -magnitude : magnitude;
    }

    // y = x rounded   =>   dx = dy rounded
    private sealed class RoundNode : Node<RoundNode>
    {
        internal NumberFormat Format;

        internal override string Operation => "RoundTo";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.RoundTo(Format));
    }
}
