using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weft.Tensors.Kernels.Generated;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>C (+)= A B with factors rounded to bfloat16 and summed in float32, on the generated tiles.</summary>
/// <remarks>
/// <para>The tiles run at twice float32's rate, so what surrounds them counts twice: both factors are first rounded into pairs along k
/// (<see cref="Bfloat16Packing"/>), each once, by all threads: A into tiles of up to twelve rows, B into panels of up to 32 columns,
/// in the order in which they are read. Then threads take pieces of C. Only what a single piece reads is packed by that piece, into
/// memory that stays in its second-level cache.</para>
/// <para>Wherever pieces are cut, an element is the same chain over k, so results do not depend on the number of threads.</para>
/// </remarks>
internal static unsafe class Bfloat16Product
{
    private const int StepBlock = 512, ColumnBlock = 256, ChunkRows = 48, TileRows = 12, Wide = 32, Narrow = 16;

    // A B that so many elements' worth of packing would be repeated for is packed once for all, unless it is larger than the limit.
    private const int SharedElements = 1 << 16, SharedLimit = 1 << 23;

    // Pairs of A that are held at once (64 MiB); longer ones are worked off in bands of rows.
    private const int BandPairs = 1 << 24;

    [ThreadStatic] private static Scratch? t_scratch;

    /// <summary>Computes a product, or two that do not depend on each other.</summary>
    internal static void Run(in Product first, in Product second)
    {
        if (first.M <= BandRows(first) && second.M <= BandRows(second))
        {
            Together(first, second);
            return;
        }
        Banded(first);
        Banded(second);
    }

    private static int BandRows(in Product product) => Math.Max(8, BandPairs / Math.Max(1, (product.K + 1) / 2) / ChunkRows) * ChunkRows;

    private static void Banded(in Product product)
    {
        int rows = BandRows(product);
        for (int row = 0; row < product.M; row += rows)
        {
            nint inC = (nint)row * product.Cr;
            Together(product with { M = Math.Min(rows, product.M - row), A = product.A + row * product.Ar, C = product.C + inC, End = product.End.From(inC) }, default);
        }
    }

    private static void Together(in Product first, in Product second)
    {
        Plan a = new(first, ForkJoin.ThreadCount), b = new(second, ForkJoin.ThreadCount);
        long pairs = a.SharedPairs + b.SharedPairs;
        Storage? shared = pairs > 0 ? BufferPool.Rent(DType.Float32, checked((int)pairs)) : null;
        fixed (float* packed = shared is null ? [] : shared.Span<float>())
        {
            a.Place((uint*)packed);
            b.Place((uint*)packed + a.SharedPairs);
            bool serial = first.Work + second.Work < 1 << 16;
            PackJob pack = new(a, b);
            if (serial) pack.Run(0, pack.ItemCount);
            else ForkJoin.Run(pack.ItemCount, 1, ref pack);
            ProductJob product = new(a, b);
            if (serial) product.Run(0, product.ItemCount);
            else ForkJoin.Run(product.ItemCount, 1, ref product);
        }
        if (shared is not null) BufferPool.Return(shared);
    }

    /// <summary>A product on the calling thread alone, without memory from the pool.</summary>
    internal static void RunSerial(in Product product)
    {
        ProductJob job = new(new Plan(product, 0), default);
        job.Run(0, job.ItemCount);
    }

    /// <summary>How the work is cut, for so many threads; 0: alone, sharing nothing. Rows go in chunks of 48, the last of which takes what is left over.</summary>
    private struct Plan
    {
        internal readonly Product Product;
        internal readonly int Steps, ChunkCount, ChunksPerPiece, RowPieces, ColumnsPerPiece, Bands;
        internal uint* PackedA, PackedB;

        internal Plan(in Product product, int threads)
        {
            Product = product;
            if (product.IsEmpty) return;
            (int m, int n, int k) = (product.M, product.N, product.K);
            Steps = (k + 1) / 2;
            ChunkCount = Math.Max(1, m / ChunkRows);
            if (threads == 0)
            {
                // As wide as the scratch allows.
                ColumnsPerPiece = ColumnBlock * Math.Max(1, StepBlock / Math.Max(1, Steps));
                ColumnPieces = (n + ColumnsPerPiece - 1) / ColumnsPerPiece;
                (ChunksPerPiece, RowPieces, Bands) = (ChunkCount, 1, 1);
                return;
            }
            int wanted = threads == 1 ? 1 : 8 * threads;
            // Narrower blocks of columns where there are few rows, so that there are still pieces to share out.
            int columnPieces = Math.Max((n + ColumnBlock - 1) / ColumnBlock, Math.Min(wanted / Math.Max(1, ChunkCount / 2), n / 128));
            ColumnsPerPiece = ((n + Math.Max(1, columnPieces) - 1) / Math.Max(1, columnPieces) + Wide - 1) / Wide * Wide;
            ColumnPieces = (n + ColumnsPerPiece - 1) / ColumnsPerPiece;
            int rowPieces = Math.Clamp((wanted + ColumnPieces - 1) / ColumnPieces, 1, Math.Max(1, ChunkCount / 2));
            if (ChunkCount < 8 && ColumnPieces >= 2 * threads)
            {
                rowPieces = 1;
                ColumnsPerPiece = MatrixProduct.EvenColumns(n, ColumnsPerPiece);
                ColumnPieces = (n + ColumnsPerPiece - 1) / ColumnsPerPiece;
            }
            ChunksPerPiece = (ChunkCount + rowPieces - 1) / rowPieces;
            RowPieces = (ChunkCount + ChunksPerPiece - 1) / ChunksPerPiece;
            Bands = RowPieces >= threads ? threads : 1;
            SharesA = ColumnPieces > 1;
            SharesB = (RowPieces - 1) * (long)n * k > SharedElements && (long)n * k <= SharedLimit;
        }

        /// <summary>The pairs of what is packed once for all.</summary>
        internal readonly long SharedPairs => SharedA + (SharesB ? (long)(Product.N + Narrow - 1) / Narrow * Narrow * Steps : 0);

        private readonly long SharedA => SharesA ? (long)Product.M * Steps : 0;

        internal void Place(uint* packed)
        {
            PackedA = packed;
            PackedB = packed + SharedA;
        }

        internal readonly bool SharesA { get; }

        internal readonly bool SharesB { get; }

        internal readonly int ColumnPieces { get; }

        internal readonly int PieceCount => RowPieces * ColumnPieces;

        /// <summary>A piece's rows and columns.</summary>
        internal readonly (int Row, int Column) Order(int piece) => PieceOrder.InBands(piece, RowPieces, ColumnPieces, Bands);

        internal readonly int ChunkEnd(int chunk) => chunk >= ChunkCount - 1 ? Product.M : (chunk + 1) * ChunkRows;

        /// <summary>A tile's rows of k from a step on.</summary>
        internal readonly void PackTile(int row, int rows, int step, int steps, uint* tile) => 
            Bfloat16Packing.Pack(Product.A + row * Product.Ar + 2 * step * Product.Ac, Product.Ar, Product.Ac, rows, Math.Min(2 * steps, Product.K - 2 * step), tile, rows);

        /// <summary>Four tiles of twelve rows, where A is transposed. Returns the rows.</summary>
        internal readonly int PackFourTiles(int row, int step, int steps)
        {
            int depth = Math.Min(2 * steps, Product.K - 2 * step);
            nint ac = Product.Ac;
            float* a = Product.A + row + 2 * step * ac;
            uint* tiles = PackedA + (nint)row * Steps + (nint)step * TileRows;
            Bfloat16Packing.PackTiles(a, ac, depth, tiles, (nint)Steps * TileRows);
            if (depth % 2 == 1)
                for (int i = 0; i < ChunkRows; i += TileRows) Bfloat16Packing.Pack(a + i + (depth - 1) * ac, 1, ac, TileRows, 1, tiles + (nint)i * Steps + depth / 2 * TileRows, TileRows);
            return ChunkRows;
        }

        /// <summary>A panel's columns of k from a step on, zeros up to the width.</summary>
        internal readonly void PackPanel(int column, int columns, int step, int steps, uint* panel, int width) =>
            Bfloat16Packing.Pack(Product.B + column * Product.Bc + 2 * step * Product.Br, Product.Bc, Product.Br, columns, Math.Min(2 * steps, Product.K - 2 * step), panel, width);
    }

    // What several pieces read, packed by all threads: items of some ten thousand elements.
    private readonly struct PackJob(Plan a, Plan b) : IRangeJob
    {
        private const int StepsPerItem = 256;

        internal int ItemCount => Items(a) + Items(b);

        private static int Items(in Plan plan) => ItemsA(plan) + (plan.SharesB ? (plan.Product.N + 2 * Wide - 1) / (2 * Wide) * Depths(plan) : 0);

        private static int ItemsA(in Plan plan) => plan.SharesA ? plan.ChunkCount * Depths(plan) : 0;

        private static int Depths(in Plan plan) => (plan.Steps + StepsPerItem - 1) / StepsPerItem;

        public void Run(int start, int end)
        {
            for (int item = start; item < end; item++)
            {
                if (item < Items(a)) Pack(a, item);
                else Pack(b, item - Items(a));
            }
        }

        private static void Pack(in Plan plan, int item)
        {
            bool isA = item < ItemsA(plan);
            (int part, int depth) = Math.DivRem(isA ? item : item - ItemsA(plan), Depths(plan));
            int first = depth * StepsPerItem, last = Math.Min(plan.Steps, first + StepsPerItem), from = part * (isA ? ChunkRows : 2 * Wide), to = isA ? plan.ChunkEnd(part) : Math.Min(plan.Product.N, from + 2 * Wide);
            for (int i = from; i < to;)
            {
                int count = isA ? MatrixProduct.NextRows(to - i, 16, sixes: false) : Math.Min(Wide, to - i), width = isA ? count : count > Narrow ? Wide : Narrow;
                if (!isA) plan.PackPanel(i, count, first, last - first, plan.PackedB + (nint)i * plan.Steps + (nint)first * width, width);
                else if (plan.Product.Ar == 1 && i == from && MatrixPacking.IsGroup(to - i)) count = plan.PackFourTiles(i, first, last - first);
                else plan.PackTile(i, count, first, last - first, plan.PackedA + (nint)i * plan.Steps + (nint)first * count);
                i += count;
            }
        }
    }

    private readonly struct ProductJob(Plan a, Plan b) : IRangeJob
    {
        private readonly PairOrder _order = new(a.PieceCount, b.PieceCount, ForkJoin.ThreadCount);

        internal int ItemCount => _order.Count;

        public void Run(int start, int end)
        {
            for (int item = start; item < end; item++)
            {
                (int product, int piece) = _order[item];
                if (product == 0) Piece(a, piece);
                else Piece(b, piece);
            }
        }

        private static void Piece(in Plan plan, int piece)
        {
            (int rowPiece, int columnPiece) = plan.Order(piece);
            int column = columnPiece * plan.ColumnsPerPiece;
            int firstChunk = rowPiece * plan.ChunksPerPiece, endChunk = Math.Min(plan.ChunkCount, firstChunk + plan.ChunksPerPiece), columns = Math.Min(plan.ColumnsPerPiece, plan.Product.N - column);
            Piece(plan, firstChunk, endChunk, column, columns);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Piece(in Plan plan, int firstChunk, int endChunk, int firstColumn, int columns)
        {
            float* bias = plan.Product.Bias;
            nint cr = plan.Product.Cr;
            Scratch scratch = t_scratch ??= new Scratch();
            int edgeColumns = columns % Wide, edgeWidth = edgeColumns > Narrow ? Wide : Narrow, endRow = plan.ChunkEnd(endChunk - 1), parts = Math.Max(1, (plan.Steps + StepBlock - 1) / StepBlock), block = Math.Max(1, (plan.Steps + parts - 1) / parts);
            if (bias is not null)
            {
                new Span<float>(bias + firstColumn, columns).CopyTo(new Span<float>(scratch.Bias, columns));
                new Span<float>(scratch.Bias + columns, Wide).Clear();
            }
            bool past = plan.Product.PastCaches && plan.Product.AlignedC && parts == 1;
            TileCall call = new() { RowStrideA = sizeof(uint) };
            for (int first = 0; first == 0 || first < plan.Steps; first += block)
            {
                int steps = Math.Min(block, plan.Steps - first);
                if (!plan.SharesB)
                {
                    for (int j = 0; j < columns; j += Wide) plan.PackPanel(firstColumn + j, Math.Min(Wide, columns - j), first, steps, scratch.B + (nint)j * steps, columns - j >= Wide ? Wide : edgeWidth);
                }
                bool accumulate = plan.Product.Accumulate || first > 0;
                call.Depth = steps;
                for (int row = firstChunk * ChunkRows; row < endRow;)
                {
                    int rows = MatrixProduct.NextRows(endRow - row, 16, sixes: false);
                    if (plan.SharesA)
                    {
                        call.A = plan.PackedA + (nint)row * plan.Steps + (nint)first * rows;
                    }
                    else
                    {
                        plan.PackTile(row, rows, first, steps, scratch.A);
                        call.A = scratch.A;
                    }
                    call.DepthStrideA = rows * sizeof(uint);
                    float* c = plan.Product.C + row * cr + firstColumn;
                    if (first + steps >= plan.Steps) plan.Product.End.Call(plan.Product.Cr, row, rows, firstColumn, columns);
                    if (columns >= Wide)
                    {
                        call.Panels = columns / Wide;
                        call.B = plan.SharesB ? plan.PackedB + (nint)firstColumn * plan.Steps + (nint)first * Wide : scratch.B;
                        call.PanelStride = (nint)(plan.SharesB ? plan.Steps : steps) * Wide * sizeof(uint);
                        call.DepthStrideB = Wide * sizeof(uint);
                        call.C = c;
                        call.RowStrideC = cr * sizeof(float);
                        call.Start = first == 0 && bias is not null ? scratch.Bias : null;
                        call.Accumulate = accumulate ? 1 : past ? TileCall.PastCaches : 0;
                        GeneratedTiles.Run(TileKind.Bfloat16, rows, narrow: false, ref call);
                    }
                    if (edgeColumns > 0)
                    {
                        int j = columns - edgeColumns;
                        bool edge = edgeColumns != edgeWidth;
                        call.Panels = 1;
                        call.B = plan.SharesB ? plan.PackedB + (nint)(firstColumn + j) * plan.Steps + (nint)first * edgeWidth : scratch.B + (nint)j * steps;
                        call.DepthStrideB = edgeWidth * sizeof(uint);
                        call.C = edge ? scratch.Edge : c + j;
                        call.RowStrideC = (edge ? edgeWidth : cr) * sizeof(float);
                        call.Start = first == 0 && bias is not null ? scratch.Bias + j : null;
                        call.Accumulate = accumulate && !edge ? 1 : 0;
                        GeneratedTiles.Run(TileKind.Bfloat16, rows, edgeWidth == Narrow, ref call);
                        if (edge) MatrixProduct.CopyEdge(scratch.Edge, edgeWidth, rows, edgeColumns, c + j, (int)cr, accumulate);
                    }
                    if (first + steps >= plan.Steps) plan.Product.End.Run(plan.Product.C, plan.Product.Cr, row, rows, firstColumn, columns);
                    row += rows;
                }
            }
        }
    }

    /// <summary>Blocks that a thread reuses: panels of B, a tile of A, the tile at the edge of C, a block's bias.</summary>
    private sealed class Scratch
    {
        private const int Panels = StepBlock * (ColumnBlock + Wide), Tile = StepBlock * TileRows, EdgeTile = TileRows * Wide, BiasBlock = ColumnBlock + 2 * Wide;

        private readonly float[] _memory = GC.AllocateUninitializedArray<float>(Panels + Tile + EdgeTile + BiasBlock + 16, pinned: true);

        internal Scratch()
        {
            nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_memory));
            B = (uint*)((address + 63) & ~63);
            A = B + Panels;
            Edge = (float*)(A + Tile);
            Bias = Edge + EdgeTile;
        }

        internal uint* B { get; }

        internal uint* A { get; }

        internal float* Edge { get; }

        internal float* Bias { get; }
    }
}
