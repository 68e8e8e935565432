namespace Weft.Tensors.Files.Gguf;

/// <summary>The type of a GGUF metadata value. The values are the numbers in the file.</summary>
public enum GgufValueType
{
    /// <summary>8-bit unsigned.</summary>
    U8 = 0,

    /// <summary>8-bit signed.</summary>
    I8 = 1,

    /// <summary>16-bit unsigned.</summary>
    U16 = 2,

    /// <summary>16-bit signed.</summary>
    I16 = 3,

    /// <summary>32-bit unsigned.</summary>
    U32 = 4,

    /// <summary>32-bit signed.</summary>
    I32 = 5,

    /// <summary>32-bit float.</summary>
    F32 = 6,

    /// <summary>A byte, 0 or 1.</summary>
    Bool = 7,

    /// <summary>UTF-8 with its length before it.</summary>
    Text = 8,

    /// <summary>Values of one type.</summary>
    Array = 9,

    /// <summary>64-bit unsigned.</summary>
    U64 = 10,

    /// <summary>64-bit signed.</summary>
    I64 = 11,

    /// <summary>64-bit float.</summary>
    F64 = 12,
}
