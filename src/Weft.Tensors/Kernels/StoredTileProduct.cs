using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Kernels.Generated;
using Weft.Tensors.Quantization;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary><see cref="StoredProduct"/> for many tokens: generated tiles of eight tokens and sixteen rows of W.</summary>
/// <remarks>
/// Tokens are rounded once, into rows of bytes (16 bits for blocks of 256, whose small scales are multiplied into w) with their scales beside them,
/// eight tokens together. Threads take sixteen rows of W, spread them in the tile's order (<see cref="IntegerTileEmitter"/>) and pass all tokens by.
/// Whole numbers are summed exactly; groups are added in their order, each element alone, so the bits depend neither on threads nor on other tokens.
/// They differ in the last place from those of few tokens, which are summed in lanes.
/// </remarks>
internal static unsafe class StoredTileProduct
{
    // Fewer tokens are done before the code is generated, and the first answer of a chat should not wait for that.
    private const int LeastTokens = 48;
    private const int Tokens = IntegerTileEmitter.Tokens, Rows = IntegerTileEmitter.Rows, Group = 32, TokenFloats = 3 * Tokens, ScaleFloats = 2 * Rows;

    [ThreadStatic] private static KernelScratch? t_rounded;
    [ThreadStatic] private static KernelScratch? t_spread;

    internal static bool Suits(StoredMatrix matrix, int m) => m >= LeastTokens && matrix.SpreadsInSixteens && GeneratedTiles.Integers;

    /// <summary>x [M, K], y [M, N], bias [N] or null.</summary>
    internal static void Run(StoredMatrix matrix, int m, float* x, float* y, float* bias)
    {
        int k = matrix.ColumnCount, blocks = (m + Tokens - 1) / Tokens;
        long small = matrix.RoundsSmall ? Rounded.Bytes(blocks, k, sizeof(sbyte)) : 0, large = matrix.RoundsLarge ? Rounded.Bytes(blocks, k, sizeof(short)) : 0;
        byte* memory = (t_rounded ??= new KernelScratch()).Take(small + large);
        Rounded bytes = new(memory, blocks, k), words = new(memory + small, blocks, k);
        if (matrix.RoundsSmall) Round(bytes, large: false);
        if (matrix.RoundsLarge) Round(words, large: true);
        ProductJob job = new(matrix, m, bytes, words, y, bias);
        ForkJoin.Run((matrix.RowCount + Rows - 1) / Rows, 1, ref job);

        void Round(Rounded rounded, bool large)
        {
            RoundJob rounding = new(x, m, k, rounded, large);
            ForkJoin.Run(blocks, Math.Max(1, (1 << 14) / (Tokens * k)), ref rounding);
        }
    }

    // Rows of x as whole numbers, [blocks · 8, K], and for each block and group 8 d, 8 s and 8 starts.
    private readonly struct Rounded(byte* memory, int blocks, int k)
    {
        internal readonly float* Scales = (float*)memory;
        internal readonly byte* Q = memory + sizeof(float) * (long)TokenFloats * blocks * (k / Group);

        internal static long Bytes(int blocks, int k, int size) => (sizeof(float) * (long)TokenFloats * blocks * (k / Group) + size * (long)Tokens * blocks * k + 63) / 64 * 64;
    }

    private readonly struct RoundJob(float* x, int m, int k, Rounded to, bool large) : IRangeJob
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int start, int end)
        {
            int groups = k / Group;
            byte* memory = (t_spread ??= new KernelScratch()).Take(sizeof(short) * (long)k + 2 * sizeof(float) * groups);
            float* d = (float*)memory, s = d + groups;
            short* q = (short*)(s + groups);
            for (int t = start * Tokens; t < end * Tokens; t++)
            {
                float* scales = to.Scales + (long)(t / Tokens) * groups * TokenFloats + t % Tokens;
                if (t >= m) new Span<byte>(memory, 2 * sizeof(float) * groups + sizeof(short) * k).Clear(); // what fills up the last eight
                else if (large) ActivationRounding.Large(x + (long)t * k, k, q, d, s);
                else ActivationRounding.Small(x + (long)t * k, k, q, d, s);
                for (int g = 0; g < groups; g++, scales += TokenFloats)
                {
                    (scales[0], scales[Tokens]) = (d[g], s[g]);
                    Vector256<short> first = Vector256.Load(q + g * Group), second = Vector256.Load(q + g * Group + 16);
                    if (large)
                    {
                        short* words = (short*)to.Q + (long)t * k + g * Group;
                        Vector256.Store(first, words);
                        Vector256.Store(second, words + 16);
                        continue;
                    }
                    *(int*)(scales + 2 * Tokens) = -128 * Vector256.Sum(first + second); // at most 32 · 127, which 16 bits hold
                    Vector256.Store(Vector256.Narrow(first, second), (sbyte*)to.Q + (long)t * k + g * Group);
                }
            }
        }
    }

    private readonly struct ProductJob(StoredMatrix matrix, int m, Rounded bytes, Rounded words, float* y, float* bias) : IRangeJob
    {
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int start, int end)
        {
            int k = matrix.ColumnCount, n = matrix.RowCount, groups = k / Group;
            long packed = sizeof(short) * (long)Rows * k + sizeof(float) * (long)ScaleFloats * groups;
            byte* memory = (t_spread ??= new KernelScratch()).Take(packed + sizeof(float) * (Tokens * Rows + Rows + 2 * (long)groups) + sizeof(short) * (long)k);
            float* scales = (float*)(memory + sizeof(short) * (long)Rows * k), results = scales + ScaleFloats * groups, added = results + Tokens * Rows;
            float* scale = added + Rows, offset = scale + groups;
            short* w = (short*)(offset + groups);
            for (int piece = start; piece < end; piece++)
            {
                int first = piece * Rows, rows = Math.Min(Rows, n - first);
                matrix.Row(first, out GgufType type);
                bool wide = BlockUnpacking.RoundsLarge(type), offsets = false;
                if (rows < Rows) new Span<byte>(memory, checked((int)packed)).Clear();
                new Span<float>(added, Rows).Clear();
                for (int r = 0; r < rows; r++)
                {
                    new Span<float>(offset, groups).Clear();
                    BlockUnpacking.Run(type, matrix.Row(first + r, out _), k, w, scale, offset);
                    for (int g = 0; g < groups; g++)
                    {
                        (scales[g * ScaleFloats + r], scales[g * ScaleFloats + Rows + r]) = (scale[g], offset[g]);
                        offsets |= offset[g] != 0;
                    }
                    if (wide) SpreadWords(w, groups, (uint*)memory + r);
                    else SpreadBytes(w, groups, (uint*)memory + r);
                    if (bias != null) added[r] = bias[first + r];
                }
                Rounded own = wide ? words : bytes;
                int size = wide ? sizeof(short) : sizeof(sbyte);
                IntegerTileCall call = new() { Groups = groups, W = memory, Scales = scales, RowStrideQ = (long)size * k, Bias = added };
                for (int t = 0; t < m; t += Tokens)
                {
                    bool whole = rows == Rows && t + Tokens <= m;
                    call.Q = own.Q + (long)size * t * k;
                    call.Tokens = own.Scales + (long)(t / Tokens) * groups * TokenFloats;
                    call.Y = whole ? y + (long)t * n + first : results;
                    call.RowStrideY = sizeof(float) * (long)(whole ? n : Rows);
                    GeneratedTiles.RunIntegers(wide, offsets, ref call);
                    for (int i = 0; !whole && i < Math.Min(Tokens, m - t); i++) new Span<float>(results + i * Rows, rows).CopyTo(new Span<float>(y + (long)(t + i) * n + first, rows));
                }
            }
        }

        // A row of W, 128 added, four numbers to the lane of each vector: every sixteenth 32 bits.
        private static void SpreadBytes(short* w, int groups, uint* to)
        {
            Vector256<short> more = Vector256.Create((short)128);
            for (int g = 0; g < groups; g++, w += Group, to += 8 * Rows)
            {
                Vector256<uint> fours = Vector256.Narrow((Vector256.Load(w) + more).AsUInt16(), (Vector256.Load(w + 16) + more).AsUInt16()).AsUInt32();
                for (int i = 0; i < 8; i++) to[i * Rows] = fours[i];
            }
        }

        private static void SpreadWords(short* w, int groups, uint* to)
        {
            uint* pairs = (uint*)w;
            for (int g = 0; g < groups; g++, pairs += 16, to += 16 * Rows)
                for (int i = 0; i < 16; i++) to[i * Rows] = pairs[i];
        }
    }
}
