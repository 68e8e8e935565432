using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Softmax and the loss of its result, without storing probabilities.</summary>
/// <remarks>
/// Forward, per row: lse = max + ln sum e^(x - max); loss = lse - x[target]. Backward: dx = (e^(x - lse) - [j = target]) scale.
/// A row whose target is the ignored one has loss and gradient 0. Layout: rows of V floats, a lane is a class. Split over rows.
/// </remarks>
internal static unsafe class CrossEntropyKernels
{
    internal static void Forward(ReadOnlySpan<float> logits, ReadOnlySpan<int> targets, int ignored, Span<float> logSumExp, Span<float> losses, int classes)
    {
        fixed (float* px = logits, pl = logSumExp, po = losses)
        fixed (int* pt = targets)
        {
            Job job = new() { X = px, LogSumExp = pl, Losses = po, Targets = pt, Ignored = ignored, Classes = classes };
            ForkJoin.Run(targets.Length, Math.Max(1, (1 << 13) / classes), ref job);
        }
    }

    internal static void Backward(ReadOnlySpan<float> logits, ReadOnlySpan<int> targets, int ignored, ReadOnlySpan<float> logSumExp, float scale, Span<float> dx, bool accumulate, int classes)
    {
        fixed (float* px = logits, pl = logSumExp, pd = dx)
        fixed (int* pt = targets)
        {
            Job job = new() { X = px, LogSumExp = pl, Dx = pd, Targets = pt, Ignored = ignored, Classes = classes, Scale = scale, Accumulate = accumulate };
            ForkJoin.Run(targets.Length, Math.Max(1, (1 << 13) / classes), ref job);
        }
    }

    private struct Job : IRangeJob
    {
        internal float* X, LogSumExp, Losses, Dx;
        internal int* Targets;
        internal int Ignored, Classes;
        internal float Scale;
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

        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            for (int i = start; i < end; i++)
            {
                if (Dx is null) Forward<TV>(i);
                else Backward<TV>(i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Forward<TV>(int i) where TV : struct
        {
            float* x = X + (nint)i * Classes;
            float logSumExp = RowKernels.LogSumExp<TV>(x, Classes);
            LogSumExp[i] = logSumExp;
            Losses[i] = Targets[i] == Ignored ? 0 : logSumExp - x[Targets[i]];
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Backward<TV>(int i) where TV : struct
        {
            int V = Classes, target = Targets[i];
            float* x = X + (nint)i * V, dx = Dx + (nint)i * V;
            if (target == Ignored)
            {
                if (!Accumulate) new Span<float>(dx, V).Clear();
                return;
            }
            RowKernels.ScaledExp<TV>(x, V, LogSumExp[i], Scale, dx, Accumulate);
            dx[target] -= Scale;
        }
    }
}

/// <summary>Steps that several kernels take over one row.</summary>
internal static unsafe class RowKernels
{
    /// <summary>max + ln sum e^(x - max) over a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float LogSumExp<TV>(float* x, int count) where TV : struct
    {
        float max = Max<TV>(x, count);
        if (float.IsInfinity(max)) return max;
        int lanes = Simd.Count<TV>(), j = 0;
        TV m = Simd.Create<TV>(max), sum = default;
        for (; j <= count - lanes; j += lanes) sum = Simd.Add(sum, VectorMath.Exp(Simd.Subtract(Simd.Load<TV>(x + j), m)));
        float total = Simd.Sum(sum);
        for (; j < count; j++) total += MathF.Exp(x[j] - max);
        return max + MathF.Log(total);
    }

    /// <summary>The largest of a row; NaN if one is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Max<TV>(float* x, int count) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        float max = float.NegativeInfinity;
        if (count >= lanes)
        {
            TV m = Simd.Load<TV>(x);
            for (j = lanes; j <= count - lanes; j += lanes) m = Simd.Max(m, Simd.Load<TV>(x + j));
            float* edge = stackalloc float[lanes];
            Simd.Store(edge, m);
            for (int l = 0; l < lanes; l++) max = MathF.Max(max, edge[l]);
        }
        for (; j < count; j++) max = MathF.Max(max, x[j]);
        return max;
    }

    /// <summary>y[j] (+)= e^(x[j] - shift) scale. x and y may be the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void ScaledExp<TV>(float* x, int count, float shift, float scale, float* y, bool accumulate) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        TV m = Simd.Create<TV>(shift), s = Simd.Create<TV>(scale);
        for (; j <= count - lanes; j += lanes)
        {
            TV e = Simd.Multiply(VectorMath.Exp(Simd.Subtract(Simd.Load<TV>(x + j), m)), s);
            Simd.Store(y + j, accumulate ? Simd.Add(e, Simd.Load<TV>(y + j)) : e);
        }
        for (; j < count; j++)
        {
            float e = MathF.Exp(x[j] - shift) * scale;
            y[j] = accumulate ? y[j] + e : e;
        }
    }

    /// <summary>The sum of a row's products with another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Dot<TV>(float* x, float* y, int count) where TV : struct
    {
        int lanes = Simd.Count<TV>(), j = 0;
        TV sum = default;
        for (; j <= count - lanes; j += lanes) sum = Simd.MultiplyAdd(Simd.Load<TV>(x + j), Simd.Load<TV>(y + j), sum);
        float total = Simd.Sum(sum);
        for (; j < count; j++) total = MathF.FusedMultiplyAdd(x[j], y[j], total);
        return total;
    }
}
