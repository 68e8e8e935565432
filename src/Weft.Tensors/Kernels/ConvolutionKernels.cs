using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Convolution of float32 images, its two gradients, and the sum over all that a channel's bias reached.</summary>
/// <remarks>
/// <para>result[n, o, p] = sum over c, k of weight[o, c, k] image[n, c, p · stride - before + k · dilation], channels in groups. Layout:
/// images [N, C, In..], results [N, O, Out..], weight [O, C / groups, K..].</para>
/// <para>What a block of positions sees is copied into columns that stay in the second-level cache, and <see cref="MatrixProduct"/> does
/// the rest. Blocks and pieces are cut by the shape alone, so results are the same bits for any number of threads: the result is split
/// over images, groups and blocks; the image's gradient over images and channels; the weight's gradient over rows and, where
/// those are few, over parts of the batch, whose sums are added in order. With stride 1 the image's gradient is itself a convolution,
/// which writes columns where the other way would add them up again; it serves where it has no more of them. Windows of 3 x 3 over
/// many channels go to <see cref="WinogradKernels"/>.</para>
/// </remarks>
internal static unsafe class ConvolutionKernels
{
    // Columns of this many floats (256 KiB) stay in the second-level cache beside the weight.
    private const int ColumnFloats = 1 << 16;

    // A product's depth block; more positions at once bring nothing.
    private const int MostPositions = 512;

    // Outputs from which the weight's gradient is computed transposed.
    private const int SwappedRows = 32;

    // Enough pieces that two to eight threads finish together.
    private const int Pieces = 16;

    [ThreadStatic] private static float[]? t_scratch;

    /// <summary>The sizes that every kernel here needs.</summary>
    internal readonly record struct Sizes(int Images, int Channels, int Outputs, int Groups, WindowGeometry Geometry)
    {
        internal int GroupChannels => Channels / Groups;

        internal int GroupOutputs => Outputs / Groups;

        /// <summary>Whether the image's gradient is cheaper as a convolution of the result's gradient with the weights turned around.</summary>
        internal bool TurnsAround => Geometry.Stride.Product == 1 && ((long)GroupOutputs * Geometry.In.Product <= (long)GroupChannels * Geometry.Out.Product * 5 / 4 || WinogradKernels.Fits(Turned));

        /// <summary>That convolution.</summary>
        internal Sizes Turned
        {
            get
            {
                (Triple k, Triple d, Triple b) = (Geometry.Kernel, Geometry.Dilation, Geometry.Before);
                Triple before = new((k.Depth - 1) * d.Depth - b.Depth, (k.Height - 1) * d.Height - b.Height, (k.Width - 1) * d.Width - b.Width);
                return new(Images, Outputs, Channels, Groups, Geometry with { In = Geometry.Out, Out = Geometry.In, Before = before });
            }
        }

        /// <summary>What one output channel's weights reach: C / groups · K.</summary>
        internal int Depth => Channels / Groups * Geometry.Kernel.Product;
    }

    /// <summary>result (+)= the convolution (+ bias per channel).</summary>
    internal static void Forward(in Sizes sizes, ReadOnlySpan<float> image, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> result, bool accumulate)
    {
        fixed (float* pi = image, pw = weight, pb = bias, pr = result)
        {
            if (WinogradKernels.Fits(sizes))
            {
                WinogradKernels.Forward(sizes, pi, pw, bias.IsEmpty ? null : pb, pr, accumulate);
                return;
            }
            int positions = sizes.Geometry.Out.Product, block = Block(sizes.Depth, positions), blocks = (positions + block - 1) / block;
            ForwardJob job = new() { S = sizes, Image = pi, Weight = pw, Bias = bias.IsEmpty ? null : pb, Result = pr, Block = block, Blocks = blocks, Accumulate = accumulate };
            ForkJoin.Run(sizes.Images * sizes.Groups * blocks, 1, ref job);
        }
    }

    /// <summary>image (+)= the transposed convolution of a result's gradient; where it overwrites, on top of a bias per channel if one is given.</summary>
    internal static void ImageGradient(in Sizes sizes, ReadOnlySpan<float> result, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> image, bool accumulate)
    {
        if (sizes.TurnsAround)
        {
            Sizes turned = sizes.Turned;
            Storage storage = BufferPool.Rent(DType.Float32, Math.Max(1, weight.Length));
            Turn(sizes, weight, storage.Span<float>());
            Forward(turned, result, storage.Span<float>()[..weight.Length], bias, image, accumulate);
            BufferPool.Return(storage);
            return;
        }
        fixed (float* pi = image, pw = weight, pb = bias, pr = result)
        {
            int parts = Math.Clamp(Pieces / Math.Max(1, sizes.Images * sizes.Groups), 1, sizes.GroupChannels), perPiece = (sizes.GroupChannels + parts - 1) / parts;
            parts = (sizes.GroupChannels + perPiece - 1) / perPiece;
            ImageJob job = new() { S = sizes, Image = pi, Weight = pw, Bias = bias.IsEmpty ? null : pb, Result = pr, Parts = parts, PerPiece = perPiece, Accumulate = accumulate };
            ForkJoin.Run(sizes.Images * sizes.Groups * parts, 1, ref job);
        }
    }

    // turned[c, o, k] = weight[o, c, K - 1 - k], within each group.
    private static void Turn(in Sizes sizes, ReadOnlySpan<float> weight, Span<float> turned)
    {
        int taps = sizes.Geometry.Kernel.Product, channels = sizes.GroupChannels, outputs = sizes.GroupOutputs;
        for (int g = 0; g < sizes.Groups; g++)
            for (int c = 0; c < channels; c++)
                for (int o = 0; o < outputs; o++)
                {
                    ReadOnlySpan<float> from = weight.Slice(((g * outputs + o) * channels + c) * taps, taps);
                    Span<float> to = turned.Slice(((g * channels + c) * outputs + o) * taps, taps);
                    for (int k = 0; k < taps; k++) to[k] = from[taps - 1 - k];
                }
    }

    /// <summary>How many parts of the batch <see cref="WeightGradient"/> sums on their own: partial must have that many weights.</summary>
    internal static int WeightParts(in Sizes sizes)
    {
        int rows = RowParts(sizes) * sizes.Groups;
        return Math.Clamp(Pieces / rows, 1, Math.Max(1, sizes.Images));
    }

    /// <summary>partial[part] (+)= the weight's gradient from that part of the batch. Shapes: partial [parts, O, C / groups, K..].</summary>
    internal static void WeightGradient(in Sizes sizes, ReadOnlySpan<float> image, ReadOnlySpan<float> result, Span<float> partial, int parts, bool accumulate)
    {
        fixed (float* pi = image, pr = result, pp = partial)
        {
            WeightJob job = new() { S = sizes, Image = pi, Result = pr, Partial = pp, Parts = parts, RowPieces = RowParts(sizes), Accumulate = accumulate };
            ForkJoin.Run(parts * sizes.Groups * job.RowPieces, 1, ref job);
        }
    }

    /// <summary>sums[o] (+)= the sum over images and positions of result[n, o, p].</summary>
    internal static void ChannelSums(ReadOnlySpan<float> result, Span<float> sums, int images, int positions, bool accumulate)
    {
        fixed (float* pr = result, ps = sums)
        {
            SumJob job = new() { Result = pr, Sums = ps, Images = images, Channels = sums.Length, Positions = positions, Accumulate = accumulate };
            ForkJoin.Run(sums.Length, Math.Max(1, (1 << 14) / Math.Max(1, images * positions)), ref job);
        }
    }

    private static int Block(int rows, int positions) => Math.Min(positions, Math.Clamp(ColumnFloats / Math.Max(1, rows) / 32 * 32, 32, MostPositions));

    // From 64 rows on, the columns are worth making anew for each piece of rows.
    private static int RowParts(in Sizes sizes) => Math.Max(1, sizes.GroupOutputs / 64);

    /// <summary>Memory of this thread, aligned to cache lines, whose contents do not outlive a piece.</summary>
    internal static float* Scratch(int count)
    {
        if (t_scratch is null || t_scratch.Length < count) t_scratch = GC.AllocateUninitializedArray<float>(Math.Max(count, ColumnFloats) + 16, pinned: true);
        return (float*)(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(t_scratch)) + 63) & ~63);
    }

    private struct ForwardJob : IRangeJob
    {
        internal Sizes S;
        internal float* Image, Weight, Bias, Result;
        internal int Block, Blocks;
        internal bool Accumulate;

        public readonly void Run(int start, int end)
        {
            int positions = S.Geometry.Out.Product, depth = S.Depth;
            bool plain = IsPlain(S.Geometry);
            float* columns = plain ? null : Scratch(depth * Block);
            for (int piece = start; piece < end; piece++)
            {
                (int rest, int block) = Math.DivRem(piece, Blocks);
                (int n, int g) = Math.DivRem(rest, S.Groups);
                int first = block * Block, count = Math.Min(Block, positions - first);
                float* image = Image + (nint)(n * S.Channels + g * S.GroupChannels) * S.Geometry.In.Product;
                float* result = Result + (nint)(n * S.Outputs + g * S.GroupOutputs) * positions + first;
                if (Bias is not null)
                    for (int o = 0; o < S.GroupOutputs; o++) new Span<float>(result + (nint)o * positions, count).Fill(Bias[g * S.GroupOutputs + o]);
                float* weight = Weight + (nint)g * S.GroupOutputs * depth;
                if (plain)
                {
                    MatrixProduct.RunSerial(S.GroupOutputs, count, depth, weight, depth, 1, image + first, positions, 1, result, positions, Accumulate || Bias is not null);
                    continue;
                }
                ColumnKernels.Gather(image, S.Geometry, S.GroupChannels, first, first + count, columns, Block);
                MatrixProduct.RunSerial(S.GroupOutputs, count, depth, weight, depth, 1, columns, Block, 1, result, positions, Accumulate || Bias is not null);
            }
        }
    }

    // A 1 x 1 window at every position: the image is its own columns.
    private static bool IsPlain(in WindowGeometry g) => g.Kernel.Product == 1 && g.Stride.Product == 1 && g.Before == default && g.In == g.Out;

    private struct ImageJob : IRangeJob
    {
        internal Sizes S;
        internal float* Image, Weight, Bias, Result;
        internal int Parts, PerPiece;
        internal bool Accumulate;

        public readonly void Run(int start, int end)
        {
            int positions = S.Geometry.Out.Product, area = S.Geometry.In.Product, taps = S.Geometry.Kernel.Product, depth = S.Depth;
            int block = Block(PerPiece * taps, positions);
            float* columns = Scratch(PerPiece * taps * block);
            for (int piece = start; piece < end; piece++)
            {
                (int rest, int part) = Math.DivRem(piece, Parts);
                (int n, int g) = Math.DivRem(rest, S.Groups);
                int channel = part * PerPiece, channels = Math.Min(PerPiece, S.GroupChannels - channel), rows = channels * taps;
                int place = g * S.GroupChannels + channel;
                float* image = Image + (nint)(n * S.Channels + place) * area, result = Result + (nint)(n * S.Outputs + g * S.GroupOutputs) * positions;
                float* weight = Weight + (nint)g * S.GroupOutputs * depth + channel * taps;
                if (!Accumulate)
                    for (int c = 0; c < channels; c++) new Span<float>(image + (nint)c * area, area).Fill(Bias is null ? 0 : Bias[place + c]);
                for (int first = 0; first < positions; first += block)
                {
                    int count = Math.Min(block, positions - first);
                    MatrixProduct.RunSerial(rows, count, S.GroupOutputs, weight, 1, depth, result + first, positions, 1, columns, block, false);
                    ColumnKernels.Scatter(columns, block, S.Geometry, channels, first, first + count, image);
                }
            }
        }
    }

    private struct WeightJob : IRangeJob
    {
        internal Sizes S;
        internal float* Image, Result, Partial;
        internal int Parts, RowPieces;
        internal bool Accumulate;

        public readonly void Run(int start, int end)
        {
            int positions = S.Geometry.Out.Product, depth = S.Depth, block = Block(depth, positions);
            int perPart = (S.Images + Parts - 1) / Parts, perPiece = (S.GroupOutputs + RowPieces - 1) / RowPieces;
            float* columns = Scratch(depth * block + perPiece * depth), sums = columns + depth * block;
            for (int piece = start; piece < end; piece++)
            {
                (int rest, int rowPiece) = Math.DivRem(piece, RowPieces);
                (int part, int g) = Math.DivRem(rest, S.Groups);
                int row = rowPiece * perPiece, rows = Math.Min(perPiece, S.GroupOutputs - row);
                if (rows <= 0) continue;
                bool swapped = rows >= SwappedRows;
                float* target = Partial + ((nint)part * S.Outputs + g * S.GroupOutputs + row) * depth;
                for (int n = part * perPart; n < Math.Min(S.Images, (part + 1) * perPart); n++)
                {
                    float* image = Image + (nint)(n * S.Channels + g * S.GroupChannels) * S.Geometry.In.Product;
                    float* result = Result + (nint)(n * S.Outputs + g * S.GroupOutputs + row) * positions;
                    for (int first = 0; first < positions; first += block)
                    {
                        int count = Math.Min(block, positions - first);
                        ColumnKernels.Gather(image, S.Geometry, S.GroupChannels, first, first + count, columns, block);
                        // Where there are enough rows for whole vectors, the columns lie as the left factor is read; on the right they are transposed.
                        bool add = n > part * perPart || first > 0;
                        if (swapped) MatrixProduct.RunSerial(depth, rows, count, columns, block, 1, result + first, 1, positions, sums, rows, add);
                        else MatrixProduct.RunSerial(rows, depth, count, result + first, positions, 1, columns, 1, block, target, depth, Accumulate || add);
                    }
                }
                bool seen = part * perPart < S.Images && positions > 0;
                if (!seen && !Accumulate) new Span<float>(target, rows * depth).Clear();
                for (int r = 0; r < rows && seen && swapped; r++)
                {
                    float* to = target + (nint)r * depth;
                    for (int p = 0; p < depth; p++) to[p] = Accumulate ? to[p] + sums[(nint)p * rows + r] : sums[(nint)p * rows + r];
                }
            }
        }
    }

    private struct SumJob : IRangeJob
    {
        internal float* Result, Sums;
        internal int Images, Channels, Positions;
        internal bool Accumulate;

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
            int lanes = Simd.Count<TV>();
            for (int c = start; c < end; c++)
            {
                float sum = 0;
                for (int n = 0; n < Images; n++)
                {
                    float* x = Result + (nint)(n * Channels + c) * Positions;
                    TV part = default;
                    int p = 0;
                    for (; p <= Positions - lanes; p += lanes) part = Simd.Add(part, Simd.Load<TV>(x + p));
                    float one = Simd.Sum(part);
                    for (; p < Positions; p++) one += x[p];
                    sum += one;
                }
                Sums[c] = Accumulate ? Sums[c] + sum : sum;
            }
        }
    }
}
