using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Where the heads of a tensor [B, T, H, D] lie; D is contiguous.</summary>
internal unsafe struct HeadView
{
    internal float* Start;
    internal int Batch, Token, Head;

    internal readonly float* At(int b, int t, int h) => Start + (nint)b * Batch + (nint)t * Token + (nint)h * Head;
}

/// <summary>Causal attention whose memory grows with the context, not with its square.</summary>
/// <remarks>
/// <para>Per query i of a head, with s_j = scale q_i · k_j for j ≤ i + S - T: p = softmax(s), o_i = sum p_j v_j; only
/// lse_i = ln sum e^s_j is kept. Backward recomputes p from it (Dao et al. 2022, arXiv:2205.14135, section 3.1 and appendix B):
/// ds = p (dp - o · do), dp_j = do · v_j; dq = scale ds k, dk = scale dsᵀ q, dv = pᵀ do.</para>
/// <para>Blocks of 64 queries meet blocks of keys. Scores are computed transposed, [keys, 64]: keys and values are then read in the order in
/// which they lie, a query is a lane, so softmax needs no sums across lanes, and the weights serve both as pᵀ and, read down their columns,
/// as p. A block of keys and values is copied (and, in bfloat16, paired) once for all queries of a piece, and stays in the second-level
/// cache. Of the square on the diagonal tiles compute what they must.</para>
/// <para>Forward carries each query's maximum and sum from block to block and scales what it has (arXiv:2205.14135, algorithm 1);
/// backward goes through the queries once per block of keys (arXiv:2307.08691, section 3.1), and copies those of a head beforehand: where
/// they come from, each lies on a page of its own. Forward is split over (batch, head, some blocks of queries); backward over (batch,
/// key-value head), whose gradients it sums in order. Blocks do not move with the pieces, so results do not depend on the number of
/// threads.</para>
/// <para>A few queries (decoding) would leave lanes empty: they are rows, and scores dot products.</para>
/// </remarks>
internal static unsafe partial class CausalAttentionKernels
{
    private const int QueryBlock = 64, KeyBlock = 128, BlocksPerPiece = 8, FewQueries = 16, FewKeyBlock = 512;
    private const float Log2E = 1.44269504f, Ln2 = 0.693147181f;

    [ThreadStatic] private static float[]? t_scratch;

    internal static void Forward(in Heads heads)
    {
        if (heads.T < FewQueries)
        {
            FewQueriesJob few = new() { Heads = heads };
            ForkJoin.Run(heads.B * heads.H, 1, ref few);
            return;
        }
        int blocks = (heads.T + QueryBlock - 1) / QueryBlock;
        // Enough pieces to share out; a block of keys is copied once for each.
        int perPiece = Math.Clamp((int)((long)heads.B * heads.H * blocks / (8L * ForkJoin.ThreadCount)), 1, BlocksPerPiece);
        ForwardJob job = new() { Heads = heads, BlocksPerPiece = perPiece, Groups = (blocks + perPiece - 1) / perPiece };
        ForkJoin.Run(heads.B * heads.H * job.Groups, 1, ref job);
    }

    internal static void Backward(in Heads heads)
    {
        BackwardJob job = new() { Heads = heads };
        ForkJoin.Run(heads.B * heads.G, 1, ref job);
    }

    /// <summary>Sizes and places. Gradients are overwritten.</summary>
    internal struct Heads
    {
        internal int B, T, S, H, G, D;
        internal float Scale;

        /// <summary>Of the products; softmax is in float32.</summary>
        internal Precision Precision;

        internal HeadView Q, K, V, O;

        /// <summary>lse per query: [B, H, T].</summary>
        internal float* LogSumExp;

        internal HeadView DO, DQ, DK, DV;

        /// <summary>A query's first hidden key, less the query: keys from query + Seen on are not seen.</summary>
        internal readonly int Seen => S - T + 1;

        internal readonly float* Lse(int b, int h, int t) => LogSumExp + ((nint)b * H + h) * T + t;
    }

    // What is read next: it is called into the second-level cache a few rows with each tile, beside it or, where rows lie side by side, by the tile
    // itself (rows on pages of their own would keep it waiting for the pages).
    private readonly struct NextRows(float* start, nint stride, int rows, int floats)
    {
        internal bool ByTiles => stride == floats;

        internal AheadLines Share(int from, int to, int of, int steps)
        {
            int first = rows * from / of, lines = (rows * to / of - first) * floats / 16;
            return new() { Panels = (lines + steps - 1) / steps, PanelStep = 16 * steps, Start = start + first * stride, Step = 16, Steps = steps };
        }

        internal void Call(int from, int to, int of)
        {
            if (!Sse.IsSupported) return;
            for (int i = rows * from / of; i < rows * to / of; i++)
                for (int j = 0; j < floats; j += 16) Sse.Prefetch1(start + i * stride + j);
        }
    }

    // Parts of a thread's scratch, one after the other, whole cache lines each.
    private ref struct Scratch
    {
        private float* _next;

        internal Scratch(long floats)
        {
            if (t_scratch is null || t_scratch.Length < floats + 16) t_scratch = GC.AllocateUninitializedArray<float>(checked((int)floats + 16), pinned: true);
            nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(t_scratch));
            _next = (float*)((address + 63) & ~63);
        }

        // floats must be a multiple of 16.
        internal float* Take(int floats)
        {
            float* taken = _next;
            _next += floats;
            return taken;
        }
    }

    private struct ForwardJob : IRangeJob
    {
        internal Heads Heads;
        internal int BlocksPerPiece, Groups;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            Heads s = Heads;
            BlockProducts products = new(s.Precision);
            int D = s.D, width = BlockProducts.Width(D), steps = products.Steps(D), rowWidth = BlockProducts.Width(steps), group = BlocksPerPiece * QueryBlock;
            Scratch scratch = new((long)KeyBlock * (rowWidth + width + 2 * QueryBlock) + (long)group * (steps + width + 2) + QueryBlock);
            float* keyRows = scratch.Take(KeyBlock * rowWidth), values = scratch.Take(KeyBlock * width), p = scratch.Take(KeyBlock * QueryBlock), weights = products.Pairs ? scratch.Take(KeyBlock * QueryBlock) : p;
            float* queries = scratch.Take(group * steps), outputs = scratch.Take(group * width), max = scratch.Take(group), sum = scratch.Take(group), kept = scratch.Take(QueryBlock);
            for (int piece = start; piece < end; piece++)
            {
                (int part, int bh) = Math.DivRem(piece, s.B * s.H);
                (int b, int h) = Math.DivRem(bh, s.H);
                // The last queries see the most: they come first.
                int g = h / (s.H / s.G), groupStart = (Groups - 1 - part) * group, groupEnd = Math.Min(s.T, groupStart + group);
                for (int first = groupStart; first < groupEnd; first += QueryBlock)
                    products.Transposed(s.Q.At(b, first, h), s.Q.Token, Math.Min(QueryBlock, s.T - first), D, queries + (nint)(first - groupStart) * steps, QueryBlock);
                new Span<float>(max, group).Fill(float.NegativeInfinity);
                new Span<float>(sum, group).Clear();

                for (int key = 0; key < groupEnd - 1 + s.Seen; key += KeyBlock)
                {
                    int keys = Math.Min(KeyBlock, s.S - key), nextKeys = Math.Min(KeyBlock, s.S - key - keys), share = (nextKeys + BlocksPerPiece - 1) / BlocksPerPiece;
                    products.ByRow(s.K.At(b, key, g), s.K.Token, keys, D, keyRows, rowWidth);
                    products.ByTerm(s.V.At(b, key, g), s.V.Token, keys, D, values, width);
                    for (int first = groupStart; first < groupEnd; first += QueryBlock)
                    {
                        int rows = Math.Min(QueryBlock, s.T - first), hidden = first + s.Seen - key, seen = Math.Min(keys, hidden + rows - 1), at = first - groupStart;
                        if (seen <= 0) continue;
                        int nextKey = at / QueryBlock * share, nextCount = Math.Clamp(nextKeys - nextKey, 0, share);
                        NextRows next = new(s.K.At(b, key + keys + nextKey, g), s.K.Token, nextCount, D);
                        new NextRows(s.V.At(b, key + keys + nextKey, g), s.V.Token, nextCount, D).Call(0, 1, 1);
                        Scores(products, keyRows, rowWidth, queries + (nint)at * steps, steps, p, seen, rows, hidden, next);
                        Mask(p, seen, hidden, float.NegativeInfinity);
                        Softmax<TV>(p, seen, BlockProducts.Width(rows), s.Scale, max + at, sum + at, kept);
                        float* output = outputs + (nint)at * width;
                        if (key > 0) for (int i = 0; i < rows; i++) if (kept[i] != 1) ScaleRow<TV>(output + (nint)i * width, output + (nint)i * width, width, kept[i]);
                        if (products.Pairs) products.ByTerm(p, QueryBlock, seen, QueryBlock, weights, QueryBlock);
                        else products.InPlace(p, seen * QueryBlock);
                        Down(products, weights, values, width, output, width, seen, rows, hidden, accumulate: key > 0);
                    }
                }

                for (int t = groupStart; t < groupEnd; t++)
                {
                    int i = t - groupStart;
                    ScaleRow<TV>(outputs + (nint)i * width, s.O.At(b, t, h), D, 1 / sum[i]);
                    *s.Lse(b, h, t) = (max[i] + MathF.Log2(sum[i])) * Ln2;
                }
            }
        }
    }

    private struct BackwardJob : IRangeJob
    {
        internal Heads Heads;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            Heads s = Heads;
            BlockProducts products = new(s.Precision);
            int D = s.D, width = BlockProducts.Width(D), steps = products.Steps(D), rowWidth = BlockProducts.Width(steps), querySteps = products.Steps(QueryBlock);
            int blocks = (s.T + QueryBlock - 1) / QueryBlock, blockFloats = QueryBlock * (2 * steps + 3 * width + 2);
            Scratch scratch = new((long)KeyBlock * (2 * rowWidth + 3 * width + 5 * QueryBlock) + (long)blocks * blockFloats);
            float* keyRows = scratch.Take(KeyBlock * rowWidth), valueRows = scratch.Take(KeyBlock * rowWidth), keyTerms = products.Pairs ? scratch.Take(KeyBlock * width) : keyRows;
            float* dK = scratch.Take(KeyBlock * width), dV = scratch.Take(KeyBlock * width), p = scratch.Take(KeyBlock * QueryBlock), ds = scratch.Take(KeyBlock * QueryBlock);
            float* pRows = p, dsRows = ds, dsTerms = ds;
            if (products.Pairs)
            {
                pRows = scratch.Take(KeyBlock * QueryBlock);
                dsRows = scratch.Take(KeyBlock * QueryBlock);
                dsTerms = scratch.Take(KeyBlock * QueryBlock);
            }
            float* memory = scratch.Take(checked(blocks * blockFloats));
            bool direct = width == D && s.S <= KeyBlock; // one block of keys, whole vectors: dq can be written where it lies
            for (int piece = start; piece < end; piece++)
            {
                (int b, int g) = Math.DivRem(piece, s.G);
                int group = s.H / s.G;
                for (int h = g * group; h < (g + 1) * group; h++)
                {
                    for (int block = 0; block < blocks; block++) new Queries(memory + (nint)block * blockFloats, steps, width).Fill<TV>(s, products, b, h, block * QueryBlock);
                    for (int key = 0; key < s.S; key += KeyBlock)
                    {
                        int keys = Math.Min(KeyBlock, s.S - key);
                        products.ByRow(s.K.At(b, key, g), s.K.Token, keys, D, keyRows, rowWidth);
                        products.ByRow(s.V.At(b, key, g), s.V.Token, keys, D, valueRows, rowWidth);
                        if (products.Pairs) products.ByTerm(s.K.At(b, key, g), s.K.Token, keys, D, keyTerms, width);
                        bool begun = false;
                        // Last block first: it sees every key, so it is the one that overwrites dk and dv; the first keys overwrite dq.
                        for (int block = blocks - 1; block >= 0; block--)
                        {
                            int first = block * QueryBlock, rows = Math.Min(QueryBlock, s.T - first), hidden = first + s.Seen - key, seen = Math.Min(keys, hidden + rows - 1);
                            if (seen <= 0) break;
                            Queries queries = new(memory + (nint)block * blockFloats, steps, width);
                            float* before = queries.Start - blockFloats; // the block that comes next, in two halves
                            int half = block == 0 ? 0 : blockFloats / (2 * QueryBlock);
                            Scores(products, keyRows, rowWidth, queries.Transposed, steps, p, seen, rows, hidden, new NextRows(before, QueryBlock, half, QueryBlock));
                            Scores(products, valueRows, rowWidth, queries.GradientsTransposed, steps, ds, seen, rows, hidden, new NextRows(before + half * QueryBlock, QueryBlock, half, QueryBlock));
                            Gradient<TV>(p, ds, seen, BlockProducts.Width(rows), s.Scale, queries.LogSumExp, queries.Delta);
                            Mask(p, seen, hidden, 0);
                            Mask(ds, seen, hidden, 0);
                            if (products.Pairs)
                            {
                                products.ByRow(p, seen * QueryBlock, 1, seen * QueryBlock, pRows, 0);
                                products.ByRow(ds, seen * QueryBlock, 1, seen * QueryBlock, dsRows, 0);
                                products.ByTerm(ds, QueryBlock, seen, QueryBlock, dsTerms, QueryBlock);
                            }
                            else
                            {
                                products.InPlace(p, seen * QueryBlock);
                                products.InPlace(ds, seen * QueryBlock);
                            }
                            Down(products, dsTerms, keyTerms, width, direct ? s.DQ.At(b, first, h) : queries.Result, direct ? s.DQ.Token : width, seen, rows, hidden, accumulate: key > 0);
                            Across(products, dsRows, querySteps, queries.Terms, width, dK, seen, rows, hidden, begun);
                            Across(products, pRows, querySteps, queries.GradientTerms, width, dV, seen, rows, hidden, begun);
                            begun = true;
                        }
                        for (int i = 0; i < keys; i++)
                        {
                            PutRow<TV>(dK + (nint)i * width, s.DK.At(b, key + i, g), D, accumulate: h > g * group);
                            PutRow<TV>(dV + (nint)i * width, s.DV.At(b, key + i, g), D, accumulate: h > g * group);
                        }
                    }
                    for (int block = 0; block < blocks && !direct; block++) new Queries(memory + (nint)block * blockFloats, steps, width).Put<TV>(s, b, h, block * QueryBlock);
                }
            }
        }
    }

    // A block of queries and what belongs to them, side by side: read once for each block of keys, in the order in which it lies.
    private readonly struct Queries(float* start, int steps, int width)
    {
        internal float* Start => start;

        // q and do as B of the scores, [D, 64].
        internal float* Transposed => start;

        internal float* GradientsTransposed => start + QueryBlock * steps;

        // q and do as B of dk and dv, [64, D].
        internal float* Terms => start + 2 * QueryBlock * steps;

        internal float* GradientTerms => Terms + QueryBlock * width;

        // dq.
        internal float* Result => Terms + 2 * QueryBlock * width;

        internal float* LogSumExp => Terms + 3 * QueryBlock * width;

        // o · do
        internal float* Delta => LogSumExp + QueryBlock;

        internal void Fill<TV>(in Heads s, in BlockProducts products, int b, int h, int first) where TV : struct
        {
            int rows = Math.Min(QueryBlock, s.T - first);
            float* q = s.Q.At(b, first, h), dO = s.DO.At(b, first, h);
            products.Transposed(q, s.Q.Token, rows, s.D, Transposed, QueryBlock);
            products.Transposed(dO, s.DO.Token, rows, s.D, GradientsTransposed, QueryBlock);
            products.ByTerm(q, s.Q.Token, rows, s.D, Terms, width);
            products.ByTerm(dO, s.DO.Token, rows, s.D, GradientTerms, width);
            new Span<float>(s.Lse(b, h, first), rows).CopyTo(new Span<float>(LogSumExp, rows));
            new Span<float>(LogSumExp + rows, QueryBlock - rows).Fill(float.PositiveInfinity);
            for (int i = 0; i < rows; i++) Delta[i] = RowKernels.Dot<TV>(s.O.At(b, first + i, h), dO + (nint)i * s.DO.Token, s.D);
        }

        internal void Put<TV>(in Heads s, int b, int h, int first) where TV : struct
        {
            for (int i = 0; i < Math.Min(QueryBlock, s.T - first); i++) PutRow<TV>(Result + (nint)i * width, s.DQ.At(b, first + i, h), s.D, accumulate: false);
        }
    }

    // c[j, i] = sum of key (or value) j times query (or gradient) i, for keys that a query of the block sees. Query i sees the keys below hidden + i.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scores(in BlockProducts products, float* keys, int keyWidth, float* queries, int steps, float* c, int seen, int rows, int hidden, in NextRows next)
    {
        int end = BlockProducts.Width(rows);
        for (int j = 0, count; j < seen; j += count)
        {
            count = products.NextRows(seen - j);
            bool byTile = next.ByTiles && products.CallsAhead && count == MatrixProduct.TileRows;
            if (!byTile) next.Call(j, j + count, seen);
            Ahead ahead = byTile ? new(next.Share(j, j + count, seen, steps)) : default;
            int from = Math.Max(0, j - hidden + 1) / BlockProducts.Lanes * BlockProducts.Lanes; // the first query that sees one of these keys
            products.Rows(count, from, end, steps, keys + (nint)j * keyWidth, keyWidth, 1, queries, QueryBlock, c + j * QueryBlock, QueryBlock, accumulate: false, ahead);
        }
    }

    // c[i] (+)= sum over the keys j that query i sees of weights[j, i] values[j].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Down(in BlockProducts products, float* weights, float* values, int width, float* c, int stride, int seen, int rows, int hidden, bool accumulate)
    {
        for (int column = 0; column < width; column += 2 * BlockProducts.Lanes)
        {
            for (int i = 0, count; i < rows; i += count)
            {
                count = products.NextRows(rows - i);
                int keys = Math.Min(seen, hidden + i + count - 1);
                if (keys > 0) products.Rows(count, column, Math.Min(width, column + 2 * BlockProducts.Lanes), products.Steps(keys), weights + i, 1, QueryBlock, values, width, c + (nint)i * stride, stride, accumulate);
            }
        }
    }

    // c[j] (+)= sum over the queries i that see key j of weights[j, i] queries[i].
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Across(in BlockProducts products, float* weights, int weightWidth, float* queries, int width, float* c, int seen, int rows, int hidden, bool accumulate)
    {
        for (int j = 0, count; j < seen; j += count)
        {
            count = products.NextRows(seen - j);
            int from = Math.Max(0, j - hidden + 1) & ~1, skipped = products.Steps(from);
            products.Rows(count, 0, width, products.Steps(rows - from), weights + (nint)j * weightWidth + skipped, weightWidth, 1, queries + (nint)skipped * width, width, c + (nint)j * width, width, accumulate);
        }
    }

    // Keys that a query does not see.
    private static void Mask(float* p, int seen, int hidden, float value)
    {
        for (int j = Math.Max(0, hidden); j < seen; j++) new Span<float>(p + j * QueryBlock, j - hidden + 1).Fill(value);
    }

    // Each column: p = e^(p scale) 2^-max in place; the new maximum (of p scale log2 e) and sum, and by how much what was summed before shrinks.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Softmax<TV>(float* p, int keys, int columns, float scale, float* max, float* sum, float* kept) where TV : struct
    {
        TV s = Simd.Create<TV>(scale * Log2E); // positive
        for (int i = 0; i < columns; i += Simd.Count<TV>())
        {
            float* x = p + i;
            TV m0 = Simd.Create<TV>(float.NegativeInfinity), m1 = m0, m2 = m0, m3 = m0;
            int j = 0;
            for (; j <= keys - 4; j += 4, x += 4 * QueryBlock)
            {
                m0 = Simd.MaxNumber(m0, Simd.Load<TV>(x));
                m1 = Simd.MaxNumber(m1, Simd.Load<TV>(x + QueryBlock));
                m2 = Simd.MaxNumber(m2, Simd.Load<TV>(x + 2 * QueryBlock));
                m3 = Simd.MaxNumber(m3, Simd.Load<TV>(x + 3 * QueryBlock));
            }
            for (; j < keys; j++, x += QueryBlock) m0 = Simd.MaxNumber(m0, Simd.Load<TV>(x));
            TV before = Simd.Load<TV>(max + i), largest = Simd.MaxNumber(before, Simd.Multiply(Simd.MaxNumber(Simd.MaxNumber(m0, m1), Simd.MaxNumber(m2, m3)), s));
            TV shrinks = VectorMath.Exp2(Simd.Subtract(before, largest)), total = Simd.Multiply(Simd.Load<TV>(sum + i), shrinks), m = Simd.Subtract(default, largest);
            Simd.Store(max + i, largest);
            Simd.Store(kept + i, shrinks);
            x = p + i;
            for (j = 0; j < keys; j++, x += QueryBlock)
            {
                TV e = VectorMath.Exp2(Simd.MultiplyAdd(Simd.Load<TV>(x), s, m));
                Simd.Store(x, e);
                total = Simd.Add(total, e);
            }
            Simd.Store(sum + i, total);
        }
    }

    // Each column: p = e^(p scale - lse);  ds = p (ds - delta) scale.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gradient<TV>(float* p, float* ds, int keys, int columns, float scale, float* lse, float* delta) where TV : struct
    {
        TV s = Simd.Create<TV>(scale), s2 = Simd.Create<TV>(scale * Log2E);
        for (int i = 0; i < columns; i += Simd.Count<TV>())
        {
            float* x = p + i, y = ds + i;
            TV l = Simd.Multiply(Simd.Load<TV>(lse + i), Simd.Create<TV>(-Log2E)), d = Simd.Load<TV>(delta + i);
            for (int j = 0; j < keys; j++, x += QueryBlock, y += QueryBlock)
            {
                TV e = VectorMath.Exp2(Simd.MultiplyAdd(Simd.Load<TV>(x), s2, l));
                Simd.Store(x, e);
                Simd.Store(y, Simd.Multiply(Simd.Multiply(e, Simd.Subtract(Simd.Load<TV>(y), d)), s));
            }
        }
    }

    // to = x factor.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ScaleRow<TV>(float* x, float* to, int count, float factor) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        TV f = Simd.Create<TV>(factor);
        for (; j <= count - lanes; j += lanes) Simd.Store(to + j, Simd.Multiply(Simd.Load<TV>(x + j), f));
        for (; j < count; j++) to[j] = x[j] * factor;
    }

    // to (+)= x.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PutRow<TV>(float* x, float* to, int count, bool accumulate) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        if (accumulate)
        {
            for (; j <= count - lanes; j += lanes) Simd.Store(to + j, Simd.Add(Simd.Load<TV>(to + j), Simd.Load<TV>(x + j)));
            for (; j < count; j++) to[j] += x[j];
            return;
        }
        for (; j <= count - lanes; j += lanes) Simd.Store(to + j, Simd.Load<TV>(x + j));
        for (; j < count; j++) to[j] = x[j];
    }
}
