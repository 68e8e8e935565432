using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>What every position of a sliding window sees, as the columns of a matrix; and back.</summary>
/// <remarks>
/// columns[(c, k), o] = image[c, o · stride - before + k · dilation], 0 outside. Layout: images [C, In..], columns [C · K, positions].
/// The copy works on runs along the innermost dimension, which are the same for all channels; with stride 1 a lane holds one of its
/// elements. The transpose adds in the order of taps and positions. Split over images.
/// </remarks>
internal static unsafe class ColumnKernels
{
    // Runs of one tap that are worked off together for all channels.
    private const int MostRuns = 192;

    /// <summary>The columns of the positions first to last (exclusive): channels · K rows, columnStride apart.</summary>
    internal static void Gather<T>(T* image, in WindowGeometry g, int channels, int first, int last, T* columns, int columnStride) where T : unmanaged, INumber<T> =>
        Each<T, Gathering<T>>(image, g, channels, first, last, columns, columnStride);

    /// <summary>image += what the columns hold: the transpose of the copy above.</summary>
    internal static void Scatter<T>(T* columns, int columnStride, in WindowGeometry g, int channels, int first, int last, T* image) where T : unmanaged, INumber<T> =>
        Each<T, Scattering<T>>(image, g, channels, first, last, columns, columnStride);

    private static void Each<T, TMove>(T* image, in WindowGeometry g, int channels, int first, int last, T* columns, int columnStride) where T : unmanaged, INumber<T> where TMove : IMove<T>
    {
        int area = g.In.Product, taps = g.Kernel.Product;
        Run* runs = stackalloc Run[MostRuns];
        for (int tap = 0; tap < taps; tap++)
        {
            Walk walk = new(g, tap, first);
            for (int at = first; at < last;)
            {
                int count = walk.Next(g, ref at, last, runs);
                for (int c = 0; c < channels; c++)
                {
                    T* plane = image + (nint)c * area, column = columns + (nint)(c * taps + tap) * columnStride;
                    for (int r = 0; r < count; r++)
                    {
                        Run run = runs[r];
                        if (run.From < 0) TMove.Outside(column + run.To, run.Length);
                        else TMove.Inside(plane + run.From, g.Stride.Width, column + run.To, run.Length);
                    }
                }
            }
        }
    }

    // What is done with a run: places of the image (or none) and places in a row of the columns.
    private interface IMove<T> where T : unmanaged
    {
        static abstract void Inside(T* image, int stride, T* column, int length);

        static abstract void Outside(T* column, int length);
    }

    private readonly struct Gathering<T> : IMove<T> where T : unmanaged, INumber<T>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Inside(T* image, int stride, T* column, int length)
        {
            if (stride == 1) Copy(image, column, length);
            else for (int j = 0; j < length; j++) column[j] = image[j * stride];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Outside(T* column, int length) => new Span<T>(column, length).Clear();
    }

    private readonly struct Scattering<T> : IMove<T> where T : unmanaged, INumber<T>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Inside(T* image, int stride, T* column, int length)
        {
            if (stride == 1) Add(column, image, length);
            else for (int j = 0; j < length; j++) image[j * stride] += column[j];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Outside(T* column, int length)
        {
        }
    }

    /// <summary>The columns of a batch of images. Shapes: images [N, C, In..] -> columns [N, C · K, Out].</summary>
    internal static void Gather<T>(ReadOnlySpan<T> images, Span<T> columns, int channels, in WindowGeometry geometry, int count) where T : unmanaged, INumber<T>
    {
        fixed (T* pi = images, pc = columns)
        {
            Job<T> job = new() { Images = pi, Columns = pc, Channels = channels, Geometry = geometry };
            ForkJoin.Run(count, 1, ref job);
        }
    }

    /// <summary>images = the sums of what the columns hold. Shapes: columns [N, C · K, Out] -> images [N, C, In..].</summary>
    internal static void Scatter<T>(ReadOnlySpan<T> columns, Span<T> images, int channels, in WindowGeometry geometry, int count) where T : unmanaged, INumber<T>
    {
        images.Clear();
        fixed (T* pi = images, pc = columns)
        {
            Job<T> job = new() { Images = pi, Columns = pc, Channels = channels, Geometry = geometry, Back = true };
            ForkJoin.Run(count, 1, ref job);
        }
    }

    private struct Job<T> : IRangeJob where T : unmanaged, INumber<T>
    {
        internal T* Images, Columns;
        internal int Channels;
        internal WindowGeometry Geometry;
        internal bool Back;

        public readonly void Run(int start, int end)
        {
            int taps = Geometry.Kernel.Product, positions = Geometry.Out.Product;
            for (int n = start; n < end; n++)
            {
                T* image = Images + (nint)n * Channels * Geometry.In.Product, columns = Columns + (nint)n * Channels * taps * positions;
                if (Back) Scatter(columns, positions, Geometry, Channels, 0, positions, image);
                else Gather(image, Geometry, Channels, 0, positions, columns, positions);
            }
        }
    }

    // Positions that lie in one row of the input: From in a channel's plane (-1: outside, zeros), To in the columns.
    private readonly record struct Run(int From, int To, int Length);

    // Walks output positions for one tap of the kernel.
    private struct Walk
    {
        private readonly int _depthOffset, _heightOffset, _widthOffset, _first;
        private int _depth, _height, _width;

        internal Walk(in WindowGeometry g, int tap, int first)
        {
            _first = first;
            (int rest, int kw) = Math.DivRem(tap, g.Kernel.Width);
            (int kd, int kh) = Math.DivRem(rest, g.Kernel.Height);
            _depthOffset = kd * g.Dilation.Depth - g.Before.Depth;
            _heightOffset = kh * g.Dilation.Height - g.Before.Height;
            _widthOffset = kw * g.Dilation.Width - g.Before.Width;
            (rest, _width) = Math.DivRem(first, g.Out.Width);
            (_depth, _height) = Math.DivRem(rest, g.Out.Height);
        }

        // As many runs as there is room for, from position at on, which moves behind them.
        internal int Next(in WindowGeometry g, ref int at, int last, Run* runs)
        {
            int count = 0;
            while (at < last && count <= MostRuns - 3)
            {
                int length = Math.Min(g.Out.Width - _width, last - at), d = _depth * g.Stride.Depth + _depthOffset, h = _height * g.Stride.Height + _heightOffset;
                int start = _width * g.Stride.Width + _widthOffset, to = at - _first, low = length, high = length;
                if ((uint)d < (uint)g.In.Depth && (uint)h < (uint)g.In.Height) (low, high) = Inside(start, g.Stride.Width, g.In.Width, length);
                if (low > 0) runs[count++] = new Run(-1, to, low);
                if (high > low) runs[count++] = new Run((d * g.In.Height + h) * g.In.Width + start + low * g.Stride.Width, to + low, high - low);
                if (length > high) runs[count++] = new Run(-1, to + high, length - high);
                at += length;
                _width = 0;
                if (++_height == g.Out.Height) (_height, _depth) = (0, _depth + 1);
            }
            return count;
        }
    }

    // The places of a run that lie inside the row: from low to high (exclusive).
    private static (int Low, int High) Inside(int start, int stride, int width, int length)
    {
        int low = start >= 0 ? 0 : (stride - 1 - start) / stride, high = width <= start ? 0 : (width - start + stride - 1) / stride;
        low = Math.Min(low, length);
        return (low, Math.Max(low, Math.Min(high, length)));
    }

    // The last vector overlaps the one before.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy<T>(T* from, T* to, int length) where T : unmanaged, INumber<T>
    {
        if (length < Vector<T>.Count)
        {
            for (int i = 0; i < length; i++) to[i] = from[i];
            return;
        }
        for (int j = 0; j < length - Vector<T>.Count; j += Vector<T>.Count) Vector.Store(Vector.Load(from + j), to + j);
        Vector.Store(Vector.Load(from + length - Vector<T>.Count), to + length - Vector<T>.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T>(T* from, T* to, int length) where T : unmanaged, INumber<T>
    {
        int j = 0;
        for (; j <= length - Vector<T>.Count; j += Vector<T>.Count) Vector.Store(Vector.Load(to + j) + Vector.Load(from + j), to + j);
        if (j <= length - Vector128<T>.Count)
        {
            (Vector128.Load(to + j) + Vector128.Load(from + j)).Store(to + j);
            j += Vector128<T>.Count;
        }
        for (; j < length; j++) to[j] += from[j];
    }
}
