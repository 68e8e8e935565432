namespace Weft.Tensors.Files;

/// <summary>An element type of the safetensors format, by the format's own name.</summary>
/// <remarks>The types below one byte (F4, F6_E2M3, F6_E3M2) are refused by name.</remarks>
public enum SafetensorsType
{
    /// <summary>A byte that is 0 or 1.</summary>
    Bool,
    /// <summary>Unsigned 8-bit integer.</summary>
    U8,
    /// <summary>Signed 8-bit integer.</summary>
    I8,
    /// <summary>8-bit float, 5 exponent bits (IEEE-like, with infinities).</summary>
    F8E5M2,
    /// <summary>8-bit float, 4 exponent bits, no infinities (the "fn" variant).</summary>
    F8E4M3,
    /// <summary>8-bit power of two: 2^(code - 127), code 255 is NaN (the scale of MX formats).</summary>
    F8E8M0,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Unsigned 16-bit integer.</summary>
    U16,
    /// <summary>IEEE half precision.</summary>
    F16,
    /// <summary>The upper half of a single: 8 exponent bits, 7 fraction bits.</summary>
    BF16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Unsigned 32-bit integer.</summary>
    U32,
    /// <summary>Single precision.</summary>
    F32,
    /// <summary>Complex of two singles; its bytes can be read, its values cannot.</summary>
    C64,
    /// <summary>Double precision.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Sizes and names of <see cref="SafetensorsType"/>.</summary>
public static class SafetensorsTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(this SafetensorsType type) => type switch
    {
        SafetensorsType.Bool or SafetensorsType.U8 or SafetensorsType.I8 => 1,
        SafetensorsType.F8E5M2 or SafetensorsType.F8E4M3 or SafetensorsType.F8E8M0 => 1,
        SafetensorsType.I16 or SafetensorsType.U16 or SafetensorsType.F16 or SafetensorsType.BF16 => 2,
        SafetensorsType.I32 or SafetensorsType.U32 or SafetensorsType.F32 => 4,
        SafetensorsType.C64 or SafetensorsType.F64 or SafetensorsType.I64 or SafetensorsType.U64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type."),
    };

    /// <summary>The name in the file's header, such as <c>F8_E4M3</c>.</summary>
    public static string FormatName(this SafetensorsType type) => type switch
    {
        SafetensorsType.Bool => "BOOL",
        SafetensorsType.F8E5M2 => "F8_E5M2",
        SafetensorsType.F8E4M3 => "F8_E4M3",
        SafetensorsType.F8E8M0 => "F8_E8M0",
        SafetensorsType.U8 => "U8",
        SafetensorsType.I8 => "I8",
        SafetensorsType.I16 => "I16",
        SafetensorsType.U16 => "U16",
        SafetensorsType.F16 => "F16",
        SafetensorsType.BF16 => "BF16",
        SafetensorsType.I32 => "I32",
        SafetensorsType.U32 => "U32",
        SafetensorsType.F32 => "F32",
        SafetensorsType.C64 => "C64",
        SafetensorsType.F64 => "F64",
        SafetensorsType.I64 => "I64",
        SafetensorsType.U64 => "U64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "Not an element type."),
    };

    internal static bool TryParse(string name, out SafetensorsType type)
    {
        for (type = SafetensorsType.Bool; type <= SafetensorsType.U64; type++)
            if (type.FormatName() == name) return true;
        return false;
    }
}
