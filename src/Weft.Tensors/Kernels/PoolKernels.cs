using System.Numerics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Where a pooling window lies along one dimension.</summary>
/// <param name="In">The size of the input.</param>
/// <param name="Out">The number of windows.</param>
/// <param name="Kernel">The number of places in a window; 0 where windows share the input evenly (adaptive).</param>
/// <param name="Stride">The distance between windows.</param>
/// <param name="Before">The padding on either side.</param>
/// <param name="Dilation">The distance between places.</param>
internal readonly record struct PoolAxis(int In, int Out, int Kernel, int Stride, int Before, int Dilation)
{
    /// <summary>The one window of a dimension that a tensor does not have.</summary>
    internal static PoolAxis One => new(1, 1, 1, 1, 0, 1);

    /// <summary>The first place of a window inside the input, the end after its last, and how many places it has with the padding.</summary>
    internal void Window(int index, out int start, out int end, out int padded)
    {
        if (Kernel == 0)
        {
            start = (int)((long)index * In / Out);
            end = (int)(((long)(index + 1) * In + Out - 1) / Out);
            padded = end - start;
            return;
        }
        start = index * Stride - Before;
        end = Math.Min(start + (Kernel - 1) * Dilation + 1, In + Before);
        padded = end - start;
        end = Math.Min(end, In);
        if (start < 0) start += (-start + Dilation - 1) / Dilation * Dilation;
    }
}

/// <summary>The largest value or the mean of every window. Planes are split over threads; a plane's sums run in one fixed order.</summary>
/// <remarks>
/// Layout: planes of Depth · Height · Width elements, one after the other. Plain loops: a window has a few elements whose addresses
/// change with every step, and the time goes to memory. NaN is the largest; of equal ones the first is taken.
/// </remarks>
internal static unsafe class PoolKernels
{
    // About the elements that pay for a fork.
    private const int Grain = 1 << 13;

    /// <summary>What to do with each window.</summary>
    internal enum Kind
    {
        /// <summary>y = the largest, and its index in the plane.</summary>
        Max,

        /// <summary>x += y at the index.</summary>
        MaxBack,

        /// <summary>y = the sum divided by the number of places.</summary>
        Mean,

        /// <summary>x += y divided by the number of places, all over the window.</summary>
        MeanBack,
    }

    /// <summary>The three dimensions of a window, and whether a mean counts places in the padding.</summary>
    internal readonly record struct Window(PoolAxis Depth, PoolAxis Height, PoolAxis Width, bool CountsPadding)
    {
        internal int In => Depth.In * Height.In * Width.In;

        internal int Out => Depth.Out * Height.Out * Width.Out;
    }

    internal static void Run<T>(Kind kind, Window window, Span<T> x, Span<T> y, Span<int> indices) where T : unmanaged, INumber<T>
    {
        if (y.IsEmpty) return;
        fixed (T* px = x, py = y)
        fixed (int* pi = indices)
        {
            Job<T> job = new() { What = kind, W = window, X = px, Y = py, Indices = pi };
            ForkJoin.Run(y.Length / window.Out, Math.Max(1, Grain / Math.Max(1, window.In)), ref job);
        }
    }

    private struct Job<T> : IRangeJob where T : unmanaged, INumber<T>
    {
        internal Kind What;
        internal Window W;
        internal T* X, Y;
        internal int* Indices;

        public readonly void Run(int start, int end)
        {
            int area = W.In, count = W.Out;
            for (int plane = start; plane < end; plane++)
            {
                T* x = X + (nint)plane * area, y = Y + (nint)plane * count;
                int* indices = Indices is null ? null : Indices + (nint)plane * count;
                if (What == Kind.MaxBack)
                {
                    for (int o = 0; o < count; o++) x[indices[o]] += y[o];
                    continue;
                }
                for (int d = 0; d < W.Depth.Out; d++)
                {
                    W.Depth.Window(d, out int d0, out int d1, out int dCount);
                    for (int h = 0; h < W.Height.Out; h++)
                    {
                        W.Height.Window(h, out int h0, out int h1, out int hCount);
                        int row = (d * W.Height.Out + h) * W.Width.Out;
                        if (What == Kind.Max) MaxRow(x, y + row, indices + row, d0, d1, h0, h1);
                        else MeanRow(x, y + row, d0, d1, dCount, h0, h1, hCount);
                    }
                }
            }
        }

        private readonly void MaxRow(T* x, T* y, int* indices, int d0, int d1, int h0, int h1)
        {
            for (int w = 0; w < W.Width.Out; w++)
            {
                W.Width.Window(w, out int w0, out int w1, out _);
                int at = (d0 * W.Height.In + h0) * W.Width.In + w0;
                T best = x[at];
                for (int i = d0; i < d1; i += W.Depth.Dilation)
                    for (int j = h0; j < h1; j += W.Height.Dilation)
                    {
                        int line = (i * W.Height.In + j) * W.Width.In;
                        for (int k = w0; k < w1; k += W.Width.Dilation)
                        {
                            T value = x[line + k];
                            if (value <= best || T.IsNaN(best)) continue;
                            (best, at) = (value, line + k);
                        }
                    }
                (y[w], indices[w]) = (best, at);
            }
        }

        private readonly void MeanRow(T* x, T* y, int d0, int d1, int dCount, int h0, int h1, int hCount)
        {
            for (int w = 0; w < W.Width.Out; w++)
            {
                W.Width.Window(w, out int w0, out int w1, out int wCount);
                int places = W.CountsPadding ? dCount * hCount * wCount : (d1 - d0) * (h1 - h0) * (w1 - w0);
                T share = What == Kind.MeanBack ? y[w] / T.CreateTruncating(places) : T.Zero, sum = T.Zero;
                for (int i = d0; i < d1; i++)
                    for (int j = h0; j < h1; j++)
                    {
                        T* line = x + (i * W.Height.In + j) * W.Width.In;
                        if (What == Kind.Mean) for (int k = w0; k < w1; k++) sum += line[k];
                        else for (int k = w0; k < w1; k++) line[k] += share;
                    }
                if (What == Kind.Mean) y[w] = sum / T.CreateTruncating(places);
            }
        }
    }
}
