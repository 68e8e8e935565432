using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Kernels.Generated;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>C (+)= A B in float32, for any strides of A and B.</summary>
/// <remarks>
/// <para>C is cut into blocks of columns, and k into equal blocks of at most 1024, or 512 where A is transposed. A block of B is packed into
/// panels two vectors wide, which stay in the second-level cache: by each thread for its own rows of A if those are many, for what another
/// core has just written comes slowly; by the piece that reads it if that is the only one; else once for all. Tiles of 12 rows (512 bits)
/// or 6 of A then run over the panels. While they compute they call what is read next into that cache: the next tile of A
/// and, step by step, the next block of B, so that packing does not wait for memory. A is read where it lies unless its elements are far
/// apart: transposed (dW = dyᵀ x), or with rows a multiple of 4 KiB apart, which would share one cache set (those are copied once, a little
/// further apart). B is read where it lies if its rows are contiguous and either it is small or there are few rows of A.</para>
/// <para>Threads take (row block, column block) pieces. Wherever they are cut, an element is always the same chain of fused
/// multiply-adds over k, so results do not depend on the number of threads, nor a row's on the other rows. The exception
/// is one row times a transposed matrix (decoding), which is a dot product per column with lanes summed at the end.</para>
/// <para>In bfloat16 factors go to <see cref="Bfloat16Product"/>; where the processor has no such instructions, blocks are rounded as they
/// are packed and meet in float32. Either way products are exact and summed in float32.</para>
/// </remarks>
internal static unsafe partial class MatrixProduct
{
    internal const int DepthBlock = 1024, TileRows = 12;

    // Wider and flatter where A is transposed, which is packed anew for each block of columns.
    private const int ColumnBlock = 256, WideBlock = 512, WideDepth = 512, WideFloats = 3 << 16;

    // Below this many multiply-adds a fork costs more than it saves.
    private const long SerialWork = 1 << 15;

    // So many pieces let the threads finish together.
    private static int Pieces => ForkJoin.ThreadCount == 1 ? 1 : 8 * ForkJoin.ThreadCount;

    // A block of B that a piece packs for itself has so many floats: half of a second-level cache of 1 MiB, the next one is called into the other.
    private const int OwnBlock = 1 << 17;

    // A piece keeps at least so many rows: a block of B stays in the cache for them.
    private const int RowsPerPiece = 96;

    // And at least so many rows and columns if there would be too few pieces.
    private const int SmallestRows = 48, SmallestColumns = 64;

    // A B for which packing so many elements would be repeated is packed once, by all threads, unless it is larger than the limit.
    private const int SharedRepeats = 1 << 16, SharedLimit = 1 << 23, PackedAtOnce = 1 << 14;

    // With so many rows for each thread, threads rather pack B themselves than read what another core has just written.
    private const int OwnRows = 192;

    // Floats between rows that share a cache set, and how many more keep them apart.
    private const int SetStride = 1024, SetStep = 16;

    // With so few rows, B is read fewer times than packing it would cost; with some more too, where B is small and its rows are short,
    // so that the lines of a panel do not push each other out of the second-level cache.
    private const int FewRows = 24, SomeRows = 1024, SmallFactor = 1 << 19, LargeFactor = 1 << 20, ShortRow = 512;

    private static long s_products;

    [ThreadStatic] private static Scratch? t_scratch;

    /// <summary>c[i, j] (+)= sum over p of a[i, p] b[p, j], plus bias[j] if given (then accumulate must be false).</summary>
    internal static void Run(int m, int n, int k, ReadOnlySpan<float> a, int aRowStride, int aColumnStride, ReadOnlySpan<float> b, int bRowStride, int bColumnStride,
        Span<float> c, int cRowStride, bool accumulate, ReadOnlySpan<float> bias = default, Precision precision = Precision.Float32)
    {
        fixed (float* pa = a, pb = b, pc = c, pbias = bias)
            Run(new Product { M = m, N = n, K = k, A = pa, Ar = aRowStride, Ac = aColumnStride, B = pb, Br = bRowStride, Bc = bColumnStride, C = pc, Cr = cRowStride, Accumulate = accumulate, Bias = pbias }, default, precision);
    }

    /// <summary>Computes a product, or two that do not depend on each other: threads that are done with one go on with the other.</summary>
    internal static void Run(in Product first, in Product second, Precision precision)
    {
        if (precision == Precision.Bf16 && GeneratedTiles.Bfloat16)
        {
            if (!first.IsDot && !second.IsDot)
            {
                Bfloat16Product.Run(first, second);
                return;
            }
            if (!second.IsEmpty)
            {
                Run(first, default, precision);
                Run(second, default, precision);
                return;
            }
        }
        bool serial = first.Work + second.Work < SerialWork;
        ProductJob a = new(first, precision, serial ? 0 : Pieces), b = new(second, precision, serial ? 0 : Pieces);
        if (serial)
        {
            a.Run(0, a.PieceCount);
            b.Run(0, b.PieceCount);
            return;
        }
        Storage? packed = a.SharedFloats + b.SharedFloats > 0 ? BufferPool.Rent(DType.Float32, checked(a.SharedFloats + b.SharedFloats)) : null;
        fixed (float* shared = packed is null ? [] : packed.Span<float>())
        {
            if (packed is not null)
            {
                a.Place(shared);
                b.Place(shared + a.SharedFloats);
                PackJob pack = new(a, b);
                ForkJoin.Run(pack.ItemCount, 1, ref pack);
            }
            PairJob both = new(a, b);
            ForkJoin.Run(both.ItemCount, 1, ref both);
        }
        if (packed is not null) BufferPool.Return(packed);
    }

    /// <summary>A product on the calling thread alone, for kernels that split their own work.</summary>
    internal static void RunSerial(int m, int n, int k, float* a, int aRowStride, int aColumnStride, float* b, int bRowStride, int bColumnStride, float* c, int cRowStride, bool accumulate,
        Precision precision = Precision.Float32)
    {
        Product product = new() { M = m, N = n, K = k, A = a, Ar = aRowStride, Ac = aColumnStride, B = b, Br = bRowStride, Bc = bColumnStride, C = c, Cr = cRowStride, Accumulate = accumulate };
        if (precision == Precision.Bf16 && GeneratedTiles.Bfloat16 && !product.IsDot)
        {
            Bfloat16Product.RunSerial(product);
            return;
        }
        ProductJob job = new(product, precision, pieces: 0);
        job.Run(0, job.PieceCount);
    }

    /// <summary>The rows of the next tile when so many are left: chosen so that no single rows remain of common sizes (256 = 20 · 12 + 2 · 8).</summary>
    internal static int NextRows(int left, int lanes, bool sixes) =>
        lanes == 16 ? left >= 12 && left != 16 ? 12 : left >= 8 ? 8 : left >= 6 && sixes ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1
        : left >= 6 && left != 8 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1;

    /// <summary>A width of blocks of columns, at most the given one, with which threads end together: nine blocks for two threads would leave one waiting.</summary>
    internal static int EvenColumns(int n, int columns)
    {
        const int Narrowest = 128, Step = 32, Worthwhile = 97; // percent
        int threads = ForkJoin.ThreadCount, best = columns;
        if ((n + columns - 1) / columns > 16 * threads) return columns;
        for (int width = columns - Step; width >= Narrowest; width -= Step) if (100L * Longest(width) < (long)Worthwhile * Longest(best)) best = width;
        return best;

        int Longest(int width) => ((n + width - 1) / width + threads - 1) / threads * width;
    }

    /// <summary>A tile in float32, on generated code or in the processor's widest vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Tile(bool generated, int rows, bool narrow, int depth, float* a, nint ar, nint ac, float* b, nint br, int panels, nint panelStride, float* c, nint cr, float* start, bool accumulate, in Ahead ahead)
    {
        if (generated)
        {
            TileCall call = new()
            {
                Depth = depth, A = a, RowStrideA = ar * sizeof(float), DepthStrideA = ac * sizeof(float), B = b, DepthStrideB = br * sizeof(float), C = c, RowStrideC = cr * sizeof(float),
                Start = start, Accumulate = accumulate ? 1 : ahead.PastCaches ? TileCall.PastCaches : 0, Panels = panels, PanelStride = panelStride * sizeof(float),
            };
            GeneratedTiles.Run(TileKind.Float32, rows, narrow, ref call);
        }
        else if (KernelTiers.Current == KernelTier.Bits512)
        {
            MatrixTiles.Run<Vector512<float>>(rows, narrow, depth, a, ar, ac, b, br, panels, panelStride, c, cr, start, accumulate, ahead);
        }
        else if (KernelTiers.Current == KernelTier.Bits256)
        {
            MatrixTiles.Run<Vector256<float>>(rows, narrow, depth, a, ar, ac, b, br, panels, panelStride, c, cr, start, accumulate, ahead);
        }
        else
        {
            MatrixTiles.Run<Vector128<float>>(rows, narrow, depth, a, ar, ac, b, br, panels, panelStride, c, cr, start, accumulate, ahead);
        }
    }

    /// <summary>The columns that there are of a tile at the edge of C.</summary>
    internal static void CopyEdge(float* edge, int width, int rows, int columns, float* c, int cRowStride, bool accumulate)
    {
        for (int i = 0; i < rows; i++)
        {
            float* to = c + (nint)i * cRowStride, from = edge + i * width;
            if (accumulate) for (int j = 0; j < columns; j++) to[j] += from[j];
            else for (int j = 0; j < columns; j++) to[j] = from[j];
        }
    }

    // The pieces of both.
    private readonly struct PairJob(ProductJob a, ProductJob b) : IRangeJob
    {
        private readonly PairOrder _order = new(a.PieceCount, b.PieceCount, ForkJoin.ThreadCount);

        internal int ItemCount => _order.Count;

        public void Run(int start, int end)
        {
            for (int item = start; item < end; item++)
            {
                (int product, int piece) = _order[item];
                if (product == 0) a.Run(piece, piece + 1);
                else b.Run(piece, piece + 1);
            }
        }
    }

    // Rows in memory that are yet to be called into the cache: each tile calls its share.
    private struct NextBlock(float* start, nint stride, int rows, int length)
    {
        private int _called;

        internal AheadLines Next(int depth, int tiles)
        {
            if (_called >= rows) return default;
            int lines = (length + 15) / 16, perPanel = Math.Max(1, (depth + lines - 1) / lines), panels = ((rows + tiles - 1) / tiles + perPanel - 1) / perPanel;
            AheadLines share = new() { Panels = panels, PanelStep = perPanel * stride, Start = start + _called * stride, Step = 16, Steps = lines, RowStride = stride };
            _called += panels * perPanel;
            return share;
        }
    }

    private partial struct ProductJob : IRangeJob
    {
        private readonly int _m, _n, _k, _cr, _columnsPerPiece, _columnPieces, _rowsPerPiece, _depth, _wide;
        private readonly nint _ar, _ac, _br, _bc;
        private readonly float* _a, _b, _c, _bias;
        private readonly ProductEnd _end;

        // Not 0: each thread packs for itself, once for this product, all of B or (where rows lie in bands, one for each thread) a block of columns.
        private readonly long _own;
        private readonly int _bands, _rowPieces;
        private readonly bool _accumulate, _past, _dot, _packA, _packB, _rounded, _generated;

        /// <param name="product">What to compute.</param>
        /// <param name="precision">What factors are rounded to.</param>
        /// <param name="pieces">About how many pieces are wanted; 0: it runs alone, sharing nothing.</param>
        internal ProductJob(in Product product, Precision precision, int pieces)
        {
            if (product.IsEmpty) return;
            (int m, int n, int k, nint ar, nint ac, nint br, nint bc) = (product.M, product.N, product.K, product.Ar, product.Ac, product.Br, product.Bc);
            (_m, _n, _k, _cr, _ar, _ac, _br, _bc) = (m, n, k, product.Cr, ar, ac, br, bc);
            _a = product.A;
            _b = product.B;
            _c = product.C;
            _bias = product.Bias;
            _end = product.End;
            _accumulate = product.Accumulate;
            _dot = product.IsDot;
            _rounded = precision == Precision.Bf16;
            _generated = GeneratedTiles.Float32;
            _depth = EqualParts(k, ac == 1 ? DepthBlock : WideDepth, 16);
            _past = product.PastCaches && !_accumulate && k <= _depth && product.AlignedC;
            int width = ac == 1 ? ColumnBlock : Math.Min(WideBlock, WideFloats / _depth);
            if (_dot)
            {
                (_columnsPerPiece, _rowsPerPiece) = (64, 1);
            }
            else
            {
                // Narrower column blocks where there are few rows, so that there are still pieces to share out.
                int rowPieces = Math.Max(1, m / RowsPerPiece), columnPieces = Math.Max((n + width - 1) / width, Math.Min((pieces + rowPieces - 1) / rowPieces, n / 128));
                _columnsPerPiece = EqualParts(n, (n + Math.Max(1, columnPieces) - 1) / Math.Max(1, columnPieces), 32);
                columnPieces = (n + _columnsPerPiece - 1) / _columnsPerPiece;
                // Few rows stay together if there are enough blocks of columns: then each part of B is read and packed once. So do fewer rows
                // than columns where B is too large to stay in a cache until the next piece.
                rowPieces = (rowPieces < 4 || (m < n && (long)n * k > LargeFactor)) && columnPieces >= pieces / 4 ? 1 : Math.Clamp((pieces + columnPieces - 1) / columnPieces, 1, rowPieces);
                // A small C would leave threads waiting for one large piece.
                if (rowPieces * columnPieces < pieces / 2)
                {
                    rowPieces = Math.Clamp(pieces / 2 / columnPieces, rowPieces, Math.Max(rowPieces, m / SmallestRows));
                    if (rowPieces * columnPieces < pieces / 2) _columnsPerPiece = Math.Min(_columnsPerPiece, EqualParts(n, Math.Max(SmallestColumns, (n * rowPieces + pieces / 2 - 1) / (pieces / 2)), 32));
                }
                _rowsPerPiece = ((m + rowPieces - 1) / rowPieces + 3) / 4 * 4;
            }
            bool sameSet = ac == 1 && ar % SetStride == 0, tiled = !_dot && (KernelTiers.Current != KernelTier.Scalar || _generated);
            _packA = _rounded || ((ac != 1 || sameSet) && m > 1 && n > 64);
            _packB = _rounded || bc != 1 || m > (br % 16 == 0 && br <= ShortRow && (long)n * k <= SmallFactor ? SomeRows : FewRows);
            int rowCount = (m + _rowsPerPiece - 1) / _rowsPerPiece;
            int lanes = _generated ? 16 : Math.Max(4, (int)KernelTiers.Current / 32);
            long panels = (long)((n + lanes - 1) / lanes * lanes) * k, copy = (long)m * (k + SetStep);
            _wide = 2 * lanes;
            // A transposed A wants wider blocks than a piece can pack for itself; for other As narrow ones are as good.
            bool tooWide = ac != 1 && _columnsPerPiece * (long)_depth > OwnBlock;
            bool packs = tiled && _packB && pieces > 0, repeats = (tooWide || (rowCount - 1) * (long)n * k > SharedRepeats) && panels <= SharedLimit;
            int threads = ForkJoin.ThreadCount, ownColumns = Math.Min(width, OwnBlock / Math.Max(1, k) / 32 * 32);
            bool manyRows = packs && rowCount > 1 && m >= OwnRows * threads, whole = panels <= Scratch.PanelFloats;
            if (manyRows && whole && repeats)
            {
                _own = Interlocked.Increment(ref s_products);
            }
            else if (manyRows && !whole && ac == 1 && ownColumns >= SmallestColumns)
            {
                _own = Interlocked.Increment(ref s_products);
                _bands = threads;
                _columnsPerPiece = EqualParts(n, ownColumns, 32);
                int columnPieces = (n + _columnsPerPiece - 1) / _columnsPerPiece, inBand = Math.Max(2, (pieces + columnPieces * threads - 1) / (columnPieces * threads));
                _rowsPerPiece = ((m + threads * inBand - 1) / (threads * inBand) + 3) / 4 * 4;
            }
            else if (packs && repeats)
            {
                PanelFloats = (int)panels;
            }
            else if (tiled)
            {
                _columnsPerPiece = Math.Min(_columnsPerPiece, OwnBlock / _depth / 32 * 32);
            }
            if (rowCount == 1 && tiled && pieces > 1) _columnsPerPiece = EvenColumns(n, _columnsPerPiece);
            _columnPieces = (n + _columnsPerPiece - 1) / _columnsPerPiece;
            _rowPieces = (m + _rowsPerPiece - 1) / _rowsPerPiece;
            if (tiled && _packA && sameSet && !_rounded && pieces > 0 && (_columnPieces - 1) * (long)m * k > SharedRepeats && copy <= SharedLimit) CopyFloats = (int)copy;
            PieceCount = _columnPieces * _rowPieces;
        }

        internal readonly int PieceCount { get; }

        // The floats of all panels of B, and of A in rows that do not share a cache set, if they are made once; 0: every piece makes its own.
        internal int PanelFloats { get; }

        internal int CopyFloats { get; }

        internal readonly int SharedFloats => PanelFloats + CopyFloats;

        internal float* Panels, Copy;

        internal void Place(float* memory)
        {
            if (PanelFloats > 0) Panels = memory;
            if (CopyFloats > 0) Copy = memory + PanelFloats;
        }

        // Pieces of the same rows follow each other; in a band, pieces of the same columns.
        private readonly (int Row, int Column) Order(int piece) => _bands == 0 ? Math.DivRem(piece, _columnPieces) : PieceOrder.InBands(piece, _rowPieces, _columnPieces, _bands);

        // The size of parts of at most a limit, all about the same, rounded up to a step.
        private static int EqualParts(int count, int limit, int step)
        {
            int parts = Math.Max(1, (count + limit - 1) / limit);
            return Math.Max(step, ((count + parts - 1) / parts + step - 1) / step * step);
        }

        public readonly void Run(int start, int end)
        {
            if (KernelTiers.Current == KernelTier.Scalar && !_generated)
            {
                RunScalar(start, end);
                return;
            }
            for (int piece = start; piece < end; piece++)
            {
                (int rowPiece, int columnPiece) = Order(piece);
                int firstRow = rowPiece * _rowsPerPiece, rows = Math.Min(_rowsPerPiece, _m - firstRow);
                int firstColumn = columnPiece * _columnsPerPiece, columns = Math.Min(_columnsPerPiece, _n - firstColumn);
                if (!_dot)
                {
                    Block(firstRow, rows, firstColumn, columns, Order(Math.Min(piece + 1, PieceCount - 1)).Column * _columnsPerPiece);
                    continue;
                }
                if (_rounded && GeneratedTiles.Bfloat16 && _k >= 32 && _k <= Scratch.PanelFloats) PairedDots(firstColumn, columns);
                else if (_rounded) Dots<Rounded>(firstColumn, columns);
                else Dots<Plain>(firstColumn, columns);
                _end.Run(_c, _cr, firstRow, rows, firstColumn, columns);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Block(int firstRow, int rows, int firstColumn, int columns, int nextColumn)
        {
            int wide = _wide, lanes = wide / 2;
            Scratch scratch = t_scratch ??= new Scratch();
            float* all = AllPanels(scratch, firstColumn, columns);
            bool packA = _packA && Copy is null;
            float* firstA = Copy is null ? _a : Copy;
            nint rowStride = Copy is null ? _ar : _k + SetStep;
            int edgeColumns = columns % wide, wholePanels = columns / wide, edgeWidth = edgeColumns > lanes ? wide : lanes;
            for (int p0 = 0; p0 == 0 || p0 < _k; p0 += _depth)
            {
                int depth = Math.Min(_depth, _k - p0);
                float* b = _b + p0 * _br + firstColumn * _bc;
                if (all is null)
                {
                    PackColumns(b, depth, columns, wide, edgeColumns, edgeWidth, scratch.B);
                    scratch.Holds = default;
                }
                if (_bias is not null && p0 == 0)
                {
                    new Span<float>(_bias + firstColumn, columns).CopyTo(new Span<float>(scratch.Bias, columns));
                    new Span<float>(scratch.Bias + columns, wide).Clear();
                }
                bool accumulate = _accumulate || p0 > 0;
                NextBlock block = NextOf(p0, depth, firstColumn, columns, nextColumn);
                int group = 0, groupEnd = 0; // rows of A that are packed
                for (int i = 0; i < rows;)
                {
                    int r = NextRows(rows - i, lanes, !_generated);
                    float* a = firstA + (firstRow + i) * rowStride + p0 * _ac;
                    nint ar = rowStride, ac = _ac;
                    bool packed = packA && i >= groupEnd;
                    if (packed)
                    {
                        (group, groupEnd) = (i, i + r);
                        if (_ar == 1 && !_rounded && lanes == 16 && MatrixPacking.IsGroup(rows - i))
                        {
                            MatrixPacking.Group(a, ac, depth, scratch.A);
                            groupEnd = i + MatrixPacking.GroupRows;
                        }
                        else
                        {
                            PackRows(a, r, depth, scratch.A);
                        }
                    }
                    float* next = a + (packed ? groupEnd - i : r) * ar;
                    if (packA)
                    {
                        a = scratch.A + (i - group) * depth;
                        (ar, ac) = _ac == 1 ? (MatrixPacking.RowStride, 1) : (1, r);
                    }
                    float* c = _c + (nint)(firstRow + i) * _cr + firstColumn;
                    Ahead ahead = r < TileRows ? default : depth < Ahead.MinimumDepth ? _past ? new(default, default, default, true) : default : new(
                        _end.Reads && p0 + depth >= _k ? EndLines(_end.Slope + (nint)(firstRow + i) * _cr + firstColumn, depth, columns) : default,
                        _ac == 1 ? new() { Panels = 1, Start = next, Step = 16, Steps = depth / 16, RowStride = rowStride }
                        : packed ? new() { Panels = (groupEnd - i + 15) / 16, PanelStep = 16, Start = next, Step = _ac, Steps = depth }
                        : default,
                        block.Next(depth, rows / TileRows),
                        _past);
                    float* start = p0 == 0 && _bias is not null ? scratch.Bias : null;
                    if (wholePanels > 0)
                    {
                        float* panels = all is not null ? all + (nint)firstColumn * _k + p0 * wide : _packB ? scratch.B : b;
                        nint panelStride = all is not null ? (nint)wide * _k : _packB ? (nint)wide * depth : wide;
                        Tile(_generated, r, narrow: false, depth, a, ar, ac, panels, _packB ? wide : _br, wholePanels, panelStride, c, _cr, start, accumulate, ahead);
                    }
                    if (edgeColumns > 0)
                    {
                        int j = columns - edgeColumns;
                        bool narrow = edgeWidth == lanes;
                        float* panel = all is not null ? all + (nint)(firstColumn + j) * _k + p0 * edgeWidth : _packB ? scratch.B + (nint)j * depth : scratch.B;
                        if (start is not null) start += j;
                        if (edgeColumns == edgeWidth)
                        {
                            Tile(_generated, r, narrow, depth, a, ar, ac, panel, edgeWidth, 1, 0, c + j, _cr, start, accumulate, default);
                        }
                        else
                        {
                            Tile(_generated, r, narrow, depth, a, ar, ac, panel, edgeWidth, 1, 0, scratch.Edge, edgeWidth, start, accumulate: false, default);
                            CopyEdge(scratch.Edge, edgeWidth, r, edgeColumns, c + j, _cr, accumulate);
                        }
                    }
                    if (p0 + depth >= _k) _end.Run(_c, _cr, firstRow + i, r, firstColumn, columns);
                    i += r;
                }
            }
        }

        // What the end of a tile's rows reads.
        private readonly AheadLines EndLines(float* start, int depth, int columns)
        {
            int lines = (columns + 15) / 16, perPanel = Math.Clamp(depth / lines, 1, TileRows);
            return new() { Panels = (TileRows + perPanel - 1) / perPanel, PanelStep = perPanel * (nint)_cr, Start = start, Step = 16, Steps = lines, RowStride = _cr };
        }

        // What a piece packs of B after this block: the next k, or the next piece's first.
        private readonly NextBlock NextOf(int p0, int depth, int firstColumn, int columns, int nextColumn)
        {
            int next = p0 + depth;
            if (next >= _k) (next, columns, firstColumn) = (0, Math.Min(_columnsPerPiece, _n - nextColumn), nextColumn == firstColumn || (_own != 0 && _bands == 0) ? _n : nextColumn);
            else if (_own != 0) return default;
            if (!_packB || Panels is not null || firstColumn == _n || depth < Ahead.MinimumDepth || KernelTiers.Current != KernelTier.Bits512) return default;
            depth = _own != 0 ? _k : Math.Min(_depth, _k - next);
            float* start = _b + next * _br + firstColumn * _bc;
            return _bc == 1 ? new NextBlock(start, _br, depth, columns) : _br == 1 ? new NextBlock(start, _bc, columns, depth) : default;
        }

        // The tier below every instruction set: the oracle's loops on this piece.
        private readonly void RunScalar(int start, int end)
        {
            for (int piece = start; piece < end; piece++)
            {
                (int rowPiece, int columnPiece) = Order(piece);
                for (int i = rowPiece * _rowsPerPiece; i < Math.Min(_m, (rowPiece + 1) * _rowsPerPiece); i++)
                {
                    for (int j = columnPiece * _columnsPerPiece; j < Math.Min(_n, (columnPiece + 1) * _columnsPerPiece); j++)
                    {
                        float sum = _bias is null ? 0 : _bias[j];
                        for (int p = 0; p < _k; p++) sum = MathF.FusedMultiplyAdd(Factor(_a + i * _ar + p * _ac), Factor(_b + p * _br + j * _bc), sum);
                        float* c = _c + (nint)i * _cr + j;
                        *c = _accumulate ? *c + sum : sum;
                    }
                }
                int firstRow = rowPiece * _rowsPerPiece, firstColumn = columnPiece * _columnsPerPiece;
                _end.Run(_c, _cr, firstRow, Math.Min(_rowsPerPiece, _m - firstRow), firstColumn, Math.Min(_columnsPerPiece, _n - firstColumn));
            }
        }
    }

    /// <summary>Blocks that a thread reuses: panels of B, a tile of A, the tile at the edge of C, a block's bias.</summary>
    private sealed class Scratch
    {
        internal const int PanelFloats = OwnBlock + 32 * DepthBlock;
        private const int TileFloats = MatrixPacking.GroupRows * MatrixPacking.RowStride, EdgeFloats = TileRows * 32, BiasFloats = WideBlock + 64;

        private readonly float[] _memory = GC.AllocateUninitializedArray<float>(PanelFloats + TileFloats + EdgeFloats + BiasFloats + 16, pinned: true);

        internal Scratch()
        {
            nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
            B = (float*)((address + 63) & ~63);
            A = B + PanelFloats;
            Edge = A + TileFloats;
            Bias = Edge + EdgeFloats;
        }

        internal float* B { get; }

        /// <summary>Of what B has the panels, if threads pack for themselves.</summary>
        internal (long Product, int FirstColumn) Holds { get; set; }

        internal float* A { get; }

        internal float* Edge { get; }

        internal float* Bias { get; }
    }
}
