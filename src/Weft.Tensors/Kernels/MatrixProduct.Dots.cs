using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Kernels.Generated;

namespace Weft.Tensors.Kernels;

/// <content>Decoding: one row times a transposed matrix, which is read once and in order, so nothing is packed.</content>
internal static unsafe partial class MatrixProduct
{
    // A factor as it is, or rounded to bfloat16.
    private interface IFactor
    {
        static abstract TV Load<TV>(float* p) where TV : struct;

        static abstract float Load(float* p);
    }

    private readonly struct Plain : IFactor
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TV Load<TV>(float* p) where TV : struct => Simd.Load<TV>(p);

        public static float Load(float* p) => *p;
    }

    private readonly struct Rounded : IFactor
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TV Load<TV>(float* p) where TV : struct => Bfloat16Rounding.Round(Simd.Load<TV>(p));

        public static float Load(float* p) => Bfloat16Rounding.Round(*p);
    }

    private partial struct ProductJob
    {
        private readonly void Dots<TFactor>(int firstColumn, int columns) where TFactor : IFactor
        {
            if (KernelTiers.Current == KernelTier.Bits512) Dots<Vector512<float>, TFactor>(firstColumn, columns);
            else if (KernelTiers.Current == KernelTier.Bits256) Dots<Vector256<float>, TFactor>(firstColumn, columns);
            else Dots<Vector128<float>, TFactor>(firstColumn, columns);
        }

        // One row: four columns at a time, each a sum of products in lanes, so that memory is read in order and x once per four.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Dots<TV, TFactor>(int firstColumn, int columns) where TV : struct where TFactor : IFactor
        {
            int lanes = Simd.Count<TV>(), k = _k;
            float* x = _a;
            for (int j = 0; j < columns; j += 4)
            {
                int count = Math.Min(4, columns - j);
                float* w0 = _b + (firstColumn + j) * _bc;
                float* w1 = count > 1 ? w0 + _bc : w0, w2 = count > 2 ? w0 + 2 * _bc : w0, w3 = count > 3 ? w0 + 3 * _bc : w0;
                TV s0 = default, s1 = default, s2 = default, s3 = default;
                int p = 0;
                for (; p <= k - lanes; p += lanes)
                {
                    TV xp = TFactor.Load<TV>(x + p);
                    s0 = Simd.MultiplyAdd(xp, TFactor.Load<TV>(w0 + p), s0);
                    s1 = Simd.MultiplyAdd(xp, TFactor.Load<TV>(w1 + p), s1);
                    s2 = Simd.MultiplyAdd(xp, TFactor.Load<TV>(w2 + p), s2);
                    s3 = Simd.MultiplyAdd(xp, TFactor.Load<TV>(w3 + p), s3);
                }
                float r0 = Simd.Sum(s0), r1 = Simd.Sum(s1), r2 = Simd.Sum(s2), r3 = Simd.Sum(s3);
                for (; p < k; p++)
                {
                    r0 = MathF.FusedMultiplyAdd(TFactor.Load(x + p), TFactor.Load(w0 + p), r0);
                    r1 = MathF.FusedMultiplyAdd(TFactor.Load(x + p), TFactor.Load(w1 + p), r1);
                    r2 = MathF.FusedMultiplyAdd(TFactor.Load(x + p), TFactor.Load(w2 + p), r2);
                    r3 = MathF.FusedMultiplyAdd(TFactor.Load(x + p), TFactor.Load(w3 + p), r3);
                }
                Put(firstColumn + j, r0);
                if (count > 1) Put(firstColumn + j + 1, r1);
                if (count > 2) Put(firstColumn + j + 2, r2);
                if (count > 3) Put(firstColumn + j + 3, r3);
            }
        }

        // The same in bfloat16: x is rounded once, four columns are rounded as they are read.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void PairedDots(int firstColumn, int columns)
        {
            const int Together = 4, Block = 32;
            Scratch scratch = t_scratch ??= new Scratch();
            float* lanes = stackalloc float[Together * 16];
            int whole = _k / Block * Block;
            scratch.Holds = default;
            Bfloat16Packing.Row(_a, whole, (uint*)scratch.B);
            DotCall call = new() { X = (uint*)scratch.B, Stride = _bc * sizeof(float), Count = whole / Block, Sums = lanes };
            int j = firstColumn;
            for (; j <= firstColumn + columns - Together; j += Together)
            {
                call.Rows = _b + j * _bc;
                GeneratedTiles.RunDots(ref call);
                for (int i = 0; i < Together; i++)
                {
                    float sum = TensorPrimitives.Sum(new ReadOnlySpan<float>(lanes + 16 * i, 16));
                    for (int p = whole; p < _k; p++) sum = MathF.FusedMultiplyAdd(Factor(_a + p), Factor(call.Rows + i * _bc + p), sum);
                    Put(j + i, sum);
                }
            }
            if (j < firstColumn + columns) Dots<Rounded>(j, firstColumn + columns - j);
        }

        private readonly float Factor(float* p) => _rounded ? Bfloat16Rounding.Round(*p) : *p;

        private readonly void Put(int column, float value)
        {
            if (_bias is not null) value += _bias[column];
            _c[column] = _accumulate ? _c[column] + value : value;
        }
    }
}
