using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>What every position of a sliding window sees, as the columns of a matrix; and back.</summary>
/// <remarks>
/// columns[(c, k), o] = image[c, o · stride - before + k · dilation], 0 outside. Layout: images [C, In..], columns [C · K, positions].
/// The copy works on rows of runs along the innermost dimension, which are the same for all channels and images; with stride 1 a lane
/// holds one of its elements. The transpose adds in the order of taps. Split over images.
/// </remarks>
internal static unsafe class ColumnKernels
{
    // A few blocks of positions, for both directions.
    private const int Tables = 16;

    [ThreadStatic] private static RunTable?[]? t_tables;

    /// <summary>The columns of the positions first to last (exclusive): channels · K rows, columnStride apart.</summary>
    internal static void Gather<T>(T* image, in WindowGeometry g, int channels, int first, int last, T* columns, int columnStride) where T : unmanaged, INumber<T> =>
        Each<T, Gathering<T>>(image, g, channels, first, last, columns, columnStride);

    /// <summary>image += what the columns hold: the transpose of the copy above.</summary>
    internal static void Scatter<T>(T* columns, int columnStride, in WindowGeometry g, int channels, int first, int last, T* image) where T : unmanaged, INumber<T> =>
        Each<T, Scattering<T>>(image, g, channels, first, last, columns, columnStride);

    private static void Each<T, TMove>(T* image, in WindowGeometry g, int channels, int first, int last, T* columns, int columnStride) where T : unmanaged, INumber<T> where TMove : IMove<T>
    {
        int area = g.In.Product, taps = g.Kernel.Product, rowStep = g.Stride.Height * g.In.Width;
        RunTable?[] tables = t_tables ??= new RunTable?[2 * Tables];
        RunTable table = tables[first / Math.Max(1, last - first) % Tables + (TMove.Overwrites ? 0 : Tables)] ??= new RunTable(TMove.Overwrites);
        table.Prepare(g, first, last);
        for (int tap = 0; tap < taps; tap++)
        {
            ReadOnlySpan<Run> runs = table.Of(tap);
            for (int c = 0; c < channels; c++)
            {
                T* plane = image + (nint)c * area, column = columns + (nint)(c * taps + tap) * columnStride;
                foreach (ref readonly Run run in runs)
                {
                    if (run.From < 0) TMove.Outside(column + run.To, run.Length, g.Out.Width, run.Count);
                    else TMove.Inside(plane + run.From, rowStep, g.Stride.Width, column + run.To, g.Out.Width, run.Length, run.Count);
                }
            }
        }
    }

    // What is done with rows of places of the image (or of none) and of places in a row of the columns.
    private interface IMove<T> where T : unmanaged
    {
        // Whether a place may be written twice.
        static abstract bool Overwrites { get; }

        static abstract void Inside(T* image, int rowStep, int stride, T* column, int columnStep, int length, int rows);

        static abstract void Outside(T* column, int length, int columnStep, int rows);
    }

    private readonly struct Gathering<T> : IMove<T> where T : unmanaged, INumber<T>
    {
        public static bool Overwrites => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Inside(T* image, int rowStep, int stride, T* column, int columnStep, int length, int rows)
        {
            int half = Vector256<T>.Count;
            if (stride == 1 && length >= half && length <= 2 * half)
            {
                // Two vectors that overlap.
                for (int rest = length - half; rows > 0; rows--, image += rowStep, column += columnStep)
                {
                    Vector256<T> low = Vector256.Load(image), high = Vector256.Load(image + rest);
                    low.Store(column);
                    high.Store(column + rest);
                }
                return;
            }
            for (; rows > 0; rows--, image += rowStep, column += columnStep)
            {
                if (stride == 1) Copy(image, column, length);
                else for (int j = 0; j < length; j++) column[j] = image[j * stride];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Outside(T* column, int length, int columnStep, int rows)
        {
            for (; rows > 0; rows--, column += columnStep)
            {
                if (length > 4) new Span<T>(column, length).Clear();
                else for (int j = 0; j < length; j++) column[j] = default;
            }
        }
    }

    private readonly struct Scattering<T> : IMove<T> where T : unmanaged, INumber<T>
    {
        public static bool Overwrites => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Inside(T* image, int rowStep, int stride, T* column, int columnStep, int length, int rows)
        {
            for (; rows > 0; rows--, image += rowStep, column += columnStep)
            {
                if (stride == 1) Add(column, image, length);
                else for (int j = 0; j < length; j++) image[j * stride] += column[j];
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Outside(T* column, int length, int columnStep, int rows)
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

    // Count rows of positions that lie in one row of the input each: From in a channel's plane (-1: outside, zeros), To in the columns.
    private readonly record struct Run(int From, int To, int Length, int Count);

    // The runs of every tap over a range of positions, kept from image to image.
    private sealed class RunTable(bool overwrites)
    {
        private readonly List<Run> _runs = [];
        private readonly List<int> _ends = [];
        private WindowGeometry _geometry;
        private int _first, _last = -1;

        internal ReadOnlySpan<Run> Of(int tap)
        {
            int start = tap == 0 ? 0 : _ends[tap - 1];
            return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_runs)[start.._ends[tap]];
        }

        internal void Prepare(in WindowGeometry g, int first, int last)
        {
            if (first == _first && last == _last && g == _geometry) return;
            (_first, _last, _geometry) = (first, last, g);
            _runs.Clear();
            _ends.Clear();
            for (int tap = 0; tap < g.Kernel.Product; tap++)
            {
                int start = _runs.Count;
                Walk(tap, start);
                if (overwrites) ZerosLast(start);
                _ends.Add(_runs.Count);
            }
        }

        private void Walk(int tap, int start)
        {
            WindowGeometry g = _geometry;
            (int rest, int kw) = Math.DivRem(tap, g.Kernel.Width);
            (int kd, int kh) = Math.DivRem(rest, g.Kernel.Height);
            (rest, int width) = Math.DivRem(_first, g.Out.Width);
            (int depth, int height) = Math.DivRem(rest, g.Out.Height);
            for (int at = _first; at < _last;)
            {
                int length = Math.Min(g.Out.Width - width, _last - at), d = depth * g.Stride.Depth + kd * g.Dilation.Depth - g.Before.Depth, h = height * g.Stride.Height + kh * g.Dilation.Height - g.Before.Height;
                int from = width * g.Stride.Width + kw * g.Dilation.Width - g.Before.Width, to = at - _first, low = length, high = length;
                if ((uint)d < (uint)g.In.Depth && (uint)h < (uint)g.In.Height) (low, high) = Inside(from, g.Stride.Width, g.In.Width, length);
                if (low > 0) Add(start, new Run(-1, to, low, 1));
                if (high > low) Add(start, new Run((d * g.In.Height + h) * g.In.Width + from + low * g.Stride.Width, to + low, high - low, 1));
                if (length > high) Add(start, new Run(-1, to + high, length - high, 1));
                at += length;
                width = 0;
                if (++height == g.Out.Height) (height, depth) = (0, depth + 1);
            }
        }

        // The next row of a run before it is counted there. Where places may be written twice and image and columns are equally wide,
        // rows become one run across the zeros between them.
        private void Add(int start, Run run)
        {
            int rowStep = _geometry.Stride.Height * _geometry.In.Width, columnStep = _geometry.Out.Width;
            for (int i = _runs.Count - 1; i >= Math.Max(start, _runs.Count - 3); i--)
            {
                Run last = _runs[i];
                if ((run.From < 0) != (last.From < 0)) continue;
                if (overwrites && run.From >= 0 && _geometry.Stride.Width == 1 && run.From - last.From == run.To - last.To)
                {
                    _runs[i] = last with { Length = run.To + run.Length - last.To };
                    return;
                }
                if (run.Length != last.Length || run.To != last.To + last.Count * columnStep || (run.From >= 0 && run.From != last.From + last.Count * rowStep)) continue;
                _runs[i] = last with { Count = last.Count + 1 };
                return;
            }
            _runs.Add(run);
        }

        private void ZerosLast(int start)
        {
            int inside = start;
            for (int i = start; i < _runs.Count; i++)
            {
                if (_runs[i].From < 0) continue;
                (_runs[inside], _runs[i]) = (_runs[i], _runs[inside]);
                inside++;
            }
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
        if (Vector512.IsHardwareAccelerated && length >= Vector512<T>.Count)
        {
            for (int j = 0; j < length - Vector512<T>.Count; j += Vector512<T>.Count) Vector512.Load(from + j).Store(to + j);
            Vector512.Load(from + length - Vector512<T>.Count).Store(to + length - Vector512<T>.Count);
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
