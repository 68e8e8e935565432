namespace Weft.Tensors.Quantization;

/// <summary>How the elements of a GGUF tensor are stored. The values are the numbers in the file (ggml's <c>ggml_type</c>).</summary>
/// <remarks>
/// A row is cut into blocks of 32 to 256 elements; each block carries its own scales. The number in a name is the bits of an element:
/// <c>_0</c> has a scale, <c>_1</c> a scale and an offset, <c>_K</c> scales of scales, <c>IQ</c> takes elements from a table.
/// </remarks>
public enum GgufType
{
    /// <summary>32-bit floats.</summary>
    F32 = 0,

    /// <summary>16-bit floats.</summary>
    F16 = 1,

    /// <summary>4 bits, one scale for 32.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, scale and offset for 32.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, one scale for 32.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, scale and offset for 32.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, one scale for 32.</summary>
    Q8_0 = 8,

    /// <summary>8 bits, scale and scaled sum for 32: activations of a product, never in a file.</summary>
    Q8_1 = 9,

    /// <summary>2 bits, 4-bit scales and offsets for 16, in blocks of 256.</summary>
    Q2_K = 10,

    /// <summary>3 bits, 6-bit scales for 16, in blocks of 256.</summary>
    Q3_K = 11,

    /// <summary>4 bits, 6-bit scales and offsets for 32, in blocks of 256.</summary>
    Q4_K = 12,

    /// <summary>5 bits, 6-bit scales and offsets for 32, in blocks of 256.</summary>
    Q5_K = 13,

    /// <summary>6 bits, 8-bit scales for 16, in blocks of 256.</summary>
    Q6_K = 14,

    /// <summary>8 bits, a float32 scale and sums of 16 for 256: activations of a product, never in a file.</summary>
    Q8_K = 15,

    /// <summary>2.06 bits: eight elements at once from a table of 256, signs apart.</summary>
    IQ2_XXS = 16,

    /// <summary>2.31 bits: eight elements at once from a table of 512, signs apart.</summary>
    IQ2_XS = 17,

    /// <summary>3.06 bits: four elements at once from a table of 256, signs apart.</summary>
    IQ3_XXS = 18,

    /// <summary>1.56 bits: eight elements at once from a table of 2048.</summary>
    IQ1_S = 19,

    /// <summary>4 bits that name one of 16 uneven steps, one scale for 32.</summary>
    IQ4_NL = 20,

    /// <summary>3.44 bits: four elements at once from a table of 512, all signs stored.</summary>
    IQ3_S = 21,

    /// <summary>2.56 bits: eight elements at once from a table of 1024, all signs stored.</summary>
    IQ2_S = 22,

    /// <summary>4 bits as in <see cref="IQ4_NL"/>, 6-bit scales for 32, in blocks of 256.</summary>
    IQ4_XS = 23,

    /// <summary>8-bit integers.</summary>
    I8 = 24,

    /// <summary>16-bit integers.</summary>
    I16 = 25,

    /// <summary>32-bit integers.</summary>
    I32 = 26,

    /// <summary>64-bit integers.</summary>
    I64 = 27,

    /// <summary>64-bit floats.</summary>
    F64 = 28,

    /// <summary>1.75 bits: eight elements at once from a table of 2048, scales of 16.</summary>
    IQ1_M = 29,

    /// <summary>16-bit floats with the exponent of float32.</summary>
    BF16 = 30,

    /// <summary>-1, 0 or 1, five to a byte, one scale for 256.</summary>
    TQ1_0 = 34,

    /// <summary>-1, 0 or 1, four to a byte, one scale for 256.</summary>
    TQ2_0 = 35,

    /// <summary>4-bit floats with a power of two for 32 (OCP microscaling specification 1.0).</summary>
    MXFP4 = 39,

    /// <summary>4-bit floats with an 8-bit float for 16, in blocks of 64.</summary>
    NVFP4 = 40,

    /// <summary>Signs alone, one scale for 128.</summary>
    Q1_0 = 41,

    /// <summary>-1, 0, 1 or 2, one scale for 64.</summary>
    Q2_0 = 42,
}

/// <summary>Facts about stored types.</summary>
public static class GgufTypes
{
    /// <summary>How many elements share a block; 1 for types that are not quantized.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not known.</exception>
    public static int BlockValues(this GgufType type) => Traits(type).Values;

    /// <summary>The bytes of a block.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The type is not known.</exception>
    public static int BlockBytes(this GgufType type) => Traits(type).Bytes;

    /// <summary>The bytes of so many elements, which must fill whole blocks.</summary>
    public static long ByteLength(this GgufType type, long elements) => elements / type.BlockValues() * type.BlockBytes();

    /// <summary>Bits that an element takes, scales included.</summary>
    public static double BitsPerElement(this GgufType type) => 8.0 * type.BlockBytes() / type.BlockValues();

    /// <summary>Whether the type is known here.</summary>
    public static bool IsKnown(this GgufType type) => TryTraits(type) is not null;

    /// <summary>Whether the elements are whole numbers, not floats.</summary>
    public static bool IsInteger(this GgufType type) => type is GgufType.I8 or GgufType.I16 or GgufType.I32 or GgufType.I64;

    /// <summary>Whether elements share scales.</summary>
    public static bool IsQuantized(this GgufType type) => type.BlockValues() > 1;

    /// <summary>The type of a name such as <c>Q4_K</c>, in any case; null where there is none.</summary>
    public static GgufType? Parse(string name) => Enum.TryParse(name, ignoreCase: true, out GgufType type) && type.IsKnown() && !int.TryParse(name, out _) ? type : null;

    private static (int Values, int Bytes) Traits(GgufType type) => TryTraits(type) ?? throw new ArgumentOutOfRangeException(nameof(type), $"{(int)type} is not a GGUF tensor type.");

    private static (int Values, int Bytes)? TryTraits(GgufType type) => type switch
    {
        GgufType.F32 or GgufType.I32 => (1, 4),
        GgufType.F16 or GgufType.BF16 or GgufType.I16 => (1, 2),
        GgufType.F64 or GgufType.I64 => (1, 8),
        GgufType.I8 => (1, 1),
        GgufType.Q4_0 or GgufType.IQ4_NL => (32, 18),
        GgufType.Q4_1 => (32, 20),
        GgufType.Q5_0 => (32, 22),
        GgufType.Q5_1 => (32, 24),
        GgufType.Q8_0 => (32, 34),
        GgufType.Q8_1 => (32, 36),
        GgufType.Q2_K => (256, 84),
        GgufType.Q3_K => (256, 110),
        GgufType.Q4_K => (256, 144),
        GgufType.Q5_K => (256, 176),
        GgufType.Q6_K => (256, 210),
        GgufType.Q8_K => (256, 292),
        GgufType.IQ2_XXS => (256, 66),
        GgufType.IQ2_XS => (256, 74),
        GgufType.IQ2_S => (256, 82),
        GgufType.IQ3_XXS => (256, 98),
        GgufType.IQ3_S => (256, 110),
        GgufType.IQ1_S => (256, 50),
        GgufType.IQ1_M => (256, 56),
        GgufType.IQ4_XS => (256, 136),
        GgufType.TQ1_0 => (256, 54),
        GgufType.TQ2_0 => (256, 66),
        GgufType.MXFP4 => (32, 17),
        GgufType.NVFP4 => (64, 36),
        GgufType.Q1_0 => (128, 18),
        GgufType.Q2_0 => (64, 18),
        _ => null,
    };
}
