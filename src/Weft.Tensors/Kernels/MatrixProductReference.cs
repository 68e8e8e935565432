using System.Numerics;

namespace Weft.Tensors.Kernels;

/// <summary>The oracle: the definition, one element after the other. Also how float64 is computed.</summary>
internal static class MatrixProductReference
{
    internal static void Run<T>(int m, int n, int k, ReadOnlySpan<T> a, int aRowStride, int aColumnStride, ReadOnlySpan<T> b, int bRowStride, int bColumnStride,
        Span<T> c, int cRowStride, bool accumulate, ReadOnlySpan<T> bias = default) where T : unmanaged, IFloatingPointIeee754<T>
    {
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                T sum = bias.IsEmpty ? T.Zero : bias[j];
                for (int p = 0; p < k; p++) sum += a[i * aRowStride + p * aColumnStride] * b[p * bRowStride + j * bColumnStride];
                ref T element = ref c[i * cRowStride + j];
                element = accumulate ? element + sum : sum;
            }
        }
    }
}
