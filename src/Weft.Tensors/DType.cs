namespace Weft.Tensors;

/// <summary>The element type of a <see cref="Tensor"/>.</summary>
/// <remarks>
/// Float32 is what Weft computes in. Float64 runs through the same public operations on plain kernels, to check gradients and
/// reference values. Int32 holds token ids and indices, Bool holds masks.
/// </remarks>
public enum DType
{
    /// <summary>32-bit IEEE 754: the computing type.</summary>
    Float32,

    /// <summary>64-bit IEEE 754: the checking type.</summary>
    Float64,

    /// <summary>32-bit integers: token ids, positions, indices.</summary>
    Int32,

    /// <summary>Truth values: masks and comparisons.</summary>
    Bool,
}

/// <summary>Facts about element types.</summary>
public static class DTypes
{
    /// <summary>Whether values of this type are real numbers, and so can carry gradients.</summary>
    public static bool IsFloating(this DType type) => type is DType.Float32 or DType.Float64;

    /// <summary>The size of one element in bytes.</summary>
    public static int SizeInBytes(this DType type) => type switch
    {
        DType.Float32 or DType.Int32 => 4,
        DType.Float64 => 8,
        _ => 1,
    };

    internal static DType Of<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(bool) ? DType.Bool
        : throw new ArgumentException($"{typeof(T).Name} is not an element type: use float, double, int or bool.");
}
