using System.Numerics;
using System.Runtime.CompilerServices;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>What every position of a sliding window sees, as the columns of a matrix; and back.</summary>
/// <remarks>
/// columns[(c, k), o] = image[c, o · stride - before + k · dilation], 0 outside. Layout: images [C, In..], columns [C · K, positions].
/// The copy works on runs along the innermost dimension; with stride 1 a lane holds one of its elements. The transpose adds in the
/// order of rows and positions. Split over images.
/// </remarks>
internal static unsafe class ColumnKernels
{
    /// <summary>Rows firstRow and on of the columns of the positions first to last (exclusive).</summary>
    internal static void Gather<T>(T* image, in WindowGeometry g, int firstRow, int rows, int first, int last, T* columns, int columnStride) where T : unmanaged, INumber<T>
    {
        int area = g.In.Product, taps = g.Kernel.Product;
        for (int r = 0; r < rows; r++)
        {
            (int channel, int tap) = Math.DivRem(firstRow + r, taps);
            T* plane = image + (nint)channel * area, to = columns + (nint)r * columnStride;
            Runs runs = new(g, tap, first);
            for (int o = first; o < last;)
            {
                int length = runs.Next(g, last - o, out int row, out int start);
                if (row < 0) new Span<T>(to, length).Clear();
                else Read(plane + (nint)row * g.In.Width, start, g.Stride.Width, g.In.Width, to, length);
                to += length;
                o += length;
            }
        }
    }

    /// <summary>image += what the columns hold: the transpose of the copy above.</summary>
    internal static void Scatter<T>(T* columns, int columnStride, in WindowGeometry g, int firstRow, int rows, int first, int last, T* image) where T : unmanaged, INumber<T>
    {
        int area = g.In.Product, taps = g.Kernel.Product;
        for (int r = 0; r < rows; r++)
        {
            (int channel, int tap) = Math.DivRem(firstRow + r, taps);
            T* plane = image + (nint)channel * area, from = columns + (nint)r * columnStride;
            Runs runs = new(g, tap, first);
            for (int o = first; o < last;)
            {
                int length = runs.Next(g, last - o, out int row, out int start);
                if (row >= 0) Add(from, plane + (nint)row * g.In.Width, start, g.Stride.Width, g.In.Width, length);
                from += length;
                o += length;
            }
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
            int rows = Channels * Geometry.Kernel.Product, positions = Geometry.Out.Product;
            for (int n = start; n < end; n++)
            {
                T* image = Images + (nint)n * Channels * Geometry.In.Product, columns = Columns + (nint)n * rows * positions;
                if (Back) Scatter(columns, positions, Geometry, 0, rows, 0, positions, image);
                else Gather(image, Geometry, 0, rows, 0, positions, columns, positions);
            }
        }
    }

    // Walks output positions for one tap of the kernel in runs that lie in one row of the input.
    private struct Runs
    {
        private readonly int _depthOffset, _heightOffset, _widthOffset;
        private int _depth, _height, _width;

        internal Runs(in WindowGeometry g, int tap, int first)
        {
            (int rest, int kw) = Math.DivRem(tap, g.Kernel.Width);
            (int kd, int kh) = Math.DivRem(rest, g.Kernel.Height);
            _depthOffset = kd * g.Dilation.Depth - g.Before.Depth;
            _heightOffset = kh * g.Dilation.Height - g.Before.Height;
            _widthOffset = kw * g.Dilation.Width - g.Before.Width;
            (rest, _width) = Math.DivRem(first, g.Out.Width);
            (_depth, _height) = Math.DivRem(rest, g.Out.Height);
        }

        // The length of the next run, its row of the input (-1 outside), and where in that row its first element would be.
        internal int Next(in WindowGeometry g, int most, out int row, out int start)
        {
            int length = Math.Min(g.Out.Width - _width, most), d = _depth * g.Stride.Depth + _depthOffset, h = _height * g.Stride.Height + _heightOffset;
            row = (uint)d < (uint)g.In.Depth && (uint)h < (uint)g.In.Height ? d * g.In.Height + h : -1;
            start = _width * g.Stride.Width + _widthOffset;
            _width = 0;
            if (++_height == g.Out.Height) (_height, _depth) = (0, _depth + 1);
            return length;
        }
    }

    // The places of a run that lie inside the row: from low to high (exclusive).
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (int Low, int High) Inside(int start, int stride, int width, int length)
    {
        int low = start >= 0 ? 0 : (stride - 1 - start) / stride, high = width <= start ? 0 : (width - start + stride - 1) / stride;
        low = Math.Min(low, length);
        return (low, Math.Max(low, Math.Min(high, length)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Read<T>(T* row, int start, int stride, int width, T* to, int length) where T : unmanaged, INumber<T>
    {
        (int j, int high) = Inside(start, stride, width, length);
        for (int i = 0; i < j; i++) to[i] = T.Zero;
        if (stride == 1)
        {
            T* from = row + start;
            for (; j <= high - Vector<T>.Count; j += Vector<T>.Count) Vector.Store(Vector.Load(from + j), to + j);
            for (; j < high; j++) to[j] = from[j];
        }
        else
        {
            for (; j < high; j++) to[j] = row[start + j * stride];
        }
        for (; j < length; j++) to[j] = T.Zero;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<T>(T* from, T* row, int start, int stride, int width, int length) where T : unmanaged, INumber<T>
    {
        (int j, int high) = Inside(start, stride, width, length);
        if (stride == 1)
        {
            T* to = row + start;
            for (; j <= high - Vector<T>.Count; j += Vector<T>.Count) Vector.Store(Vector.Load(to + j) + Vector.Load(from + j), to + j);
            for (; j < high; j++) to[j] += from[j];
        }
        else
        {
            for (; j < high; j++) row[start + j * stride] += from[j];
        }
    }
}
