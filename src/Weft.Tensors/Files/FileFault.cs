namespace Weft.Tensors.Files;

/// <summary>What kind of rule a file breaks.</summary>
public enum FileFault
{
    /// <summary>Any other rule.</summary>
    Other,

    /// <summary>The file does not begin as files of its format do.</summary>
    BadMagic,

    /// <summary>A version of the format that is not read.</summary>
    UnsupportedVersion,

    /// <summary>The numbers are in big-endian order.</summary>
    BigEndian,

    /// <summary>The file ends before something that it announces.</summary>
    Truncated,

    /// <summary>A count or length that no file of this size can hold, or that is over the format's cap.</summary>
    TooLarge,

    /// <summary>The length of the header is wrong.</summary>
    BadHeaderLength,

    /// <summary>The header is not JSON of the right form.</summary>
    BadJson,

    /// <summary>Text that is not valid Unicode.</summary>
    BadUnicode,

    /// <summary>A metadata value of an unknown or wrong type.</summary>
    BadValueType,

    /// <summary>A metadata value out of its range.</summary>
    BadValue,

    /// <summary>A metadata key or field that stands twice.</summary>
    DuplicateKey,

    /// <summary>Two tensors of one name.</summary>
    DuplicateTensor,

    /// <summary>An alignment that is not allowed.</summary>
    BadAlignment,

    /// <summary>A number of dimensions, or a size, that is not allowed.</summary>
    BadDimensions,

    /// <summary>A GGUF element type that is not known.</summary>
    BadTensorType,

    /// <summary>A safetensors element type that is not known.</summary>
    BadDtype,

    /// <summary>A product of sizes that does not fit in 64 bits.</summary>
    Overflow,

    /// <summary>A place in the file that the format does not allow.</summary>
    BadOffset,

    /// <summary>A tensor that reaches past the end of the file.</summary>
    OutOfBounds,

    /// <summary>Two tensors that share bytes.</summary>
    Overlap,

    /// <summary>Bytes between tensors that belong to none.</summary>
    Hole,

    /// <summary>Bytes after the last tensor that belong to none.</summary>
    TrailingData,

    /// <summary>A tensor whose bytes do not fit its shape and type.</summary>
    ShapeMismatch,
}
