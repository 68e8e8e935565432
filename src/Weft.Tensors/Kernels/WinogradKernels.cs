using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Convolution with 3 x 3 windows that move by one, with 16 multiplications where the definition has 36.</summary>
/// <remarks>
/// <para>F(2 x 2, 3 x 3) of Lavin and Gray 2016 (arXiv:1509.09308, section 4.1): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for squares of 4 x 4 inputs d
/// that overlap by two and give 2 x 2 results Y. Summed over channels, each of the 16 places is a matrix product. With these small tiles
/// the transforms are additions and halves: errors stay within a few roundings of the direct sum's.</para>
/// <para>Layout: U [16, O, C / groups], V [16, C / groups, tiles], M [16, O / groups, tiles]. Rows of the image are first split into even and odd
/// columns, so that a lane is a tile. A piece is a block of rows of tiles of one image; its V stays in the second-level cache or near.</para>
/// </remarks>
internal static unsafe class WinogradKernels
{
    private const int Points = 16, Lanes = 16;

    // Floats of V or M in a piece: 1 MiB.
    private const int PieceFloats = 1 << 18;

    // With fewer channels the transforms cost more than they save.
    private const int FewestChannels = 16, FewestPositions = 64;

    /// <summary>Whether a convolution is of this kind and large enough.</summary>
    internal static bool Fits(in ConvolutionKernels.Sizes s)
    {
        WindowGeometry g = s.Geometry;
        return g.Kernel == new Triple(1, 3, 3) && g.Stride.Product == 1 && g.Dilation.Height == 1 && g.Dilation.Width == 1 && g.In.Depth == 1 && g.Out.Depth == 1 && g.Before.Depth == 0
            && s.GroupChannels >= FewestChannels && s.GroupOutputs >= FewestChannels && g.Out.Product >= FewestPositions;
    }

    /// <summary>result (+)= the convolution (+ bias per channel).</summary>
    internal static void Forward(in ConvolutionKernels.Sizes sizes, float* image, float* weight, float* bias, float* result, bool accumulate)
    {
        Storage storage = BufferPool.Rent(DType.Float32, checked(Points * sizes.Outputs * sizes.GroupChannels));
        fixed (float* u = storage.Span<float>())
        {
            WeightJob weights = new() { Weight = weight, U = u, Filters = sizes.Outputs * sizes.GroupChannels };
            ForkJoin.Run(weights.Filters, 256, ref weights);
            int height = (sizes.Geometry.Out.Height + 1) / 2, width = (sizes.Geometry.Out.Width + 1) / 2;
            int rows = Math.Clamp(PieceFloats / (Points * Math.Max(sizes.GroupChannels, sizes.GroupOutputs) * width), 1, height);
            Job job = new() { S = sizes, Image = image, U = u, Bias = bias, Result = result, Accumulate = accumulate, Height = height, Width = width, Rows = rows, Blocks = (height + rows - 1) / rows };
            ForkJoin.Run(sizes.Images * sizes.Groups * job.Blocks, 1, ref job);
        }
        BufferPool.Return(storage);
    }

    // U = G g Gᵀ with G = [1 0 0; ½ ½ ½; ½ -½ ½; 0 0 1].
    private struct WeightJob : IRangeJob
    {
        internal float* Weight, U;
        internal int Filters;

        public readonly void Run(int start, int end)
        {
            float* half = stackalloc float[12];
            for (int f = start; f < end; f++)
            {
                float* g = Weight + (nint)f * 9;
                for (int j = 0; j < 3; j++)
                {
                    float outer = 0.5f * (g[j] + g[6 + j]), middle = 0.5f * g[3 + j];
                    (half[j], half[3 + j], half[6 + j], half[9 + j]) = (g[j], outer + middle, outer - middle, g[6 + j]);
                }
                for (int i = 0; i < 4; i++)
                {
                    float* h = half + 3 * i;
                    float outer = 0.5f * (h[0] + h[2]), middle = 0.5f * h[1];
                    U[(nint)(4 * i) * Filters + f] = h[0];
                    U[(nint)(4 * i + 1) * Filters + f] = outer + middle;
                    U[(nint)(4 * i + 2) * Filters + f] = outer - middle;
                    U[(nint)(4 * i + 3) * Filters + f] = h[2];
                }
            }
        }
    }

    private struct Job : IRangeJob
    {
        internal ConvolutionKernels.Sizes S;
        internal float* Image, U, Bias, Result;
        internal bool Accumulate;
        internal int Height, Width, Rows, Blocks;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        // Tiles of a row in whole vectors.
        private readonly int Padded => (Width + Lanes - 1) / Lanes * Lanes;

        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            int channels = S.GroupChannels, outputs = S.GroupOutputs, area = S.Geometry.In.Product, positions = S.Geometry.Out.Product;
            // The last row of tiles is written in whole vectors too.
            int stride = ((Rows - 1) * Width + Padded + Lanes - 1) / Lanes * Lanes, lines = 4 * (2 * Rows + 2) * Padded, line = 4 * (Padded + Lanes);
            float* v = ConvolutionKernels.Scratch(Points * (channels + outputs) * stride + lines + line), m = v + (nint)Points * channels * stride, columns = m + (nint)Points * outputs * stride, buffer = columns + lines;
            for (int piece = start; piece < end; piece++)
            {
                (int rest, int block) = Math.DivRem(piece, Blocks);
                (int n, int g) = Math.DivRem(rest, S.Groups);
                int first = block * Rows, rows = Math.Min(Rows, Height - first);
                float* image = Image + (nint)(n * S.Channels + g * channels) * area, result = Result + (nint)(n * S.Outputs + g * outputs) * positions;
                for (int c = 0; c < channels; c++)
                {
                    for (int y = 0; y < 2 * rows + 2; y++) Columns<TV>(image + (nint)c * area, 2 * first + y - S.Geometry.Before.Height, buffer, columns + (nint)(4 * y) * Padded);
                    for (int t = 0; t < rows; t++) Inputs<TV>(columns + (nint)(8 * t) * Padded, v + (nint)c * stride + t * Width, channels * stride);
                }
                float* u = U + (nint)g * outputs * channels;
                for (int k = 0; k < Points; k++)
                    MatrixProduct.RunSerial(outputs, rows * Width, channels, u + (nint)k * S.Outputs * channels, channels, 1, v + (nint)k * channels * stride, stride, 1, m + (nint)k * outputs * stride, stride, false);
                for (int o = 0; o < outputs; o++)
                {
                    for (int t = 0; t < rows; t++)
                        Outputs<TV>(m + (nint)o * stride + t * Width, outputs * stride, buffer, result + (nint)o * positions, 2 * (first + t), Bias is null ? 0 : Bias[g * outputs + o]);
                }
            }
        }

        // One row of the padded image: what Bᵀ makes of its columns, four rows of tiles. d0 - d2, d1 + d2, d2 - d1, d1 - d3.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Columns<TV>(float* plane, int y, float* buffer, float* to) where TV : struct
        {
            int padded = Padded, width = S.Geometry.In.Width, before = S.Geometry.Before.Width;
            if ((uint)y >= (uint)S.Geometry.In.Height)
            {
                new Span<float>(to, 4 * padded).Clear();
                return;
            }
            float* row = plane + (nint)y * width, line = buffer, even = buffer + 2 * (padded + Lanes), odd = even + padded + Lanes;
            // line[x] = row[x - before]: columns 0 to 2 Width + 1.
            int length = 2 * Width + 2, from = Math.Clamp(before, 0, length), until = Math.Clamp(before + width, from, length);
            for (int x = 0; x < from; x++) line[x] = 0;
            if (until > from) new ReadOnlySpan<float>(row + (from - before), until - from).CopyTo(new Span<float>(line + from, until - from));
            for (int x = until; x < length; x++) line[x] = 0;
            for (int t = 0; t <= Width; t++) (even[t], odd[t]) = (line[2 * t], line[2 * t + 1]);
            for (int t = 0; t < Width; t += Simd.Count<TV>())
            {
                TV d0 = Simd.Load<TV>(even + t), d1 = Simd.Load<TV>(odd + t), d2 = Simd.Load<TV>(even + t + 1), d3 = Simd.Load<TV>(odd + t + 1);
                Simd.Store(to + t, Simd.Subtract(d0, d2));
                Simd.Store(to + padded + t, Simd.Add(d1, d2));
                Simd.Store(to + 2 * padded + t, Simd.Subtract(d2, d1));
                Simd.Store(to + 3 * padded + t, Simd.Subtract(d1, d3));
            }
        }

        // A row of tiles: what Bᵀ makes of four such rows.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Inputs<TV>(float* rows, float* v, int place) where TV : struct
        {
            int padded = Padded;
            for (int j = 0; j < 4; j++)
            {
                float* r = rows + j * padded, to = v + (nint)j * place;
                for (int t = 0; t < Width; t += Simd.Count<TV>())
                {
                    TV r0 = Simd.Load<TV>(r + t), r1 = Simd.Load<TV>(r + 4 * padded + t), r2 = Simd.Load<TV>(r + 8 * padded + t), r3 = Simd.Load<TV>(r + 12 * padded + t);
                    Simd.Store(to + t, Simd.Subtract(r0, r2));
                    Simd.Store(to + (nint)4 * place + t, Simd.Add(r1, r2));
                    Simd.Store(to + (nint)8 * place + t, Simd.Subtract(r2, r1));
                    Simd.Store(to + (nint)12 * place + t, Simd.Subtract(r1, r3));
                }
            }
        }

        // Two rows of the result from a row of tiles: Aᵀ m A with Aᵀ = [1 1 1 0; 0 1 -1 -1].
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Outputs<TV>(float* m, int place, float* buffer, float* plane, int y, float bias) where TV : struct
        {
            int padded = Padded, width = S.Geometry.Out.Width;
            float* left = buffer, right = buffer + padded;
            for (int t = 0; t < Width; t += Simd.Count<TV>())
            {
                TV top0 = default, top1 = default, bottom0 = default, bottom1 = default;
                for (int i = 0; i < 4; i++)
                {
                    float* at = m + (nint)(4 * i) * place + t;
                    TV m1 = Simd.Load<TV>(at + place), m2 = Simd.Load<TV>(at + 2 * (nint)place);
                    TV a0 = Simd.Add(Simd.Add(Simd.Load<TV>(at), m1), m2), a1 = Simd.Subtract(Simd.Subtract(m1, m2), Simd.Load<TV>(at + 3 * (nint)place));
                    if (i < 3) (top0, top1) = (Simd.Add(top0, a0), Simd.Add(top1, a1));
                    if (i == 1) (bottom0, bottom1) = (a0, a1);
                    else if (i > 1) (bottom0, bottom1) = (Simd.Subtract(bottom0, a0), Simd.Subtract(bottom1, a1));
                }
                Simd.Store(left + t, top0);
                Simd.Store(right + t, top1);
                Simd.Store(left + 2 * padded + t, bottom0);
                Simd.Store(right + 2 * padded + t, bottom1);
            }
            for (int r = 0; r < 2 && y + r < S.Geometry.Out.Height; r++, left += 2 * padded, right += 2 * padded)
            {
                float* to = plane + (nint)(y + r) * width;
                if (Accumulate)
                {
                    for (int x = 0; x < width; x++) to[x] += (x % 2 == 0 ? left : right)[x / 2] + bias;
                    continue;
                }
                for (int t = 0; t < width / 2; t++) (to[2 * t], to[2 * t + 1]) = (left[t] + bias, right[t] + bias);
                if (width % 2 == 1) to[width - 1] = left[width / 2] + bias;
            }
        }
    }
}
