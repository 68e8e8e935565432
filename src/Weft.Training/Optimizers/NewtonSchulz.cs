using System.Numerics;
using System.Runtime.InteropServices;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Brings the singular values of a matrix near 1 without finding them.</summary>
/// <remarks>
/// X = G / |G|; then some times X = a X + (b X Xᵀ + c (X Xᵀ)²) X. The default coefficients are steep at 0 and leave singular values
/// between about 0.7 and 1.2, which serves as well as 1 (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks").
/// </remarks>
public static class NewtonSchulz
{
    /// <summary>Orthogonalizes a matrix. Shapes: [N, M] -> [N, M].</summary>
    /// <param name="matrix">The matrix, float32 or float64.</param>
    /// <param name="steps">Repetitions.</param>
    /// <param name="a">The coefficient of X.</param>
    /// <param name="b">The coefficient of X Xᵀ X.</param>
    /// <param name="c">The coefficient of (X Xᵀ)² X.</param>
    /// <param name="epsilon">The least norm that is divided by.</param>
    /// <param name="bfloat16">Whether every result is rounded to bfloat16, as references on accelerators do.</param>
    public static Tensor Orthogonalize(Tensor matrix, int steps = 5, double a = 3.4445, double b = -4.7750, double c = 2.0315, double epsilon = 1e-7, bool bfloat16 = false)
    {
        if (matrix.Rank != 2) throw new ArgumentException($"Orthogonalize: {matrix.Shape} is not a matrix.");
        bool tall = matrix.Shape[0] > matrix.Shape[1];
        Tensor x = matrix.Detach();
        if (bfloat16) x = Round(x.To(DType.Float32) * 1.0);
        double norm = GradientClipping.Norm(x.IsContiguous ? x : x.Contiguous());
        if (tall) x = x.Transpose();                                                   // [K, L], K <= L
        x = Narrow(x / Math.Max(norm, epsilon));
        for (int i = 0; i < steps; i++)
        {
            Tensor gram = Narrow(x.MatMul(x.Transpose()));                             // [K, K]
            Tensor polynomial = Narrow(gram * b + gram.MatMul(gram) * c);              // [K, K]
            x = Narrow(x * a + polynomial.MatMul(x));                                  // [K, L]
        }
        if (tall) x = x.Transpose().Contiguous();                                      // [N, M]
        return bfloat16 ? x.To(matrix.DType) : x;

        Tensor Narrow(Tensor value) => bfloat16 ? Round(value) : value;
    }

    // To the nearest bfloat16, ties to even, in place: the upper half of a float32.
    private static Tensor Round(Tensor value)
    {
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(value.AsSpan<float>());
        Span<Vector<uint>> whole = MemoryMarshal.Cast<uint, Vector<uint>>(bits);
        Vector<uint> half = new(0x7FFF), upper = new(0xFFFF0000);
        for (int i = 0; i < whole.Length; i++) whole[i] = (whole[i] + half + (Vector.ShiftRightLogical(whole[i], 16) & Vector<uint>.One)) & upper;
        for (int i = whole.Length * Vector<uint>.Count; i < bits.Length; i++) bits[i] = (bits[i] + 0x7FFF + (bits[i] >> 16 & 1)) & 0xFFFF0000;
        return value;
    }
}
