using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of causal attention: memory linear in the context, no matrix of weights kept.</summary>
internal static unsafe class FusedCausalAttention
{
    internal static Tensor Run(Tensor q, Tensor k, Tensor v, double scale)
    {
        (q, k, v) = (Rows(q), Rows(k), Rows(v));
        Tensor y = Tensor.Uninitialized(q.Shape), logSumExp = Tensor.Uninitialized([q.Shape[0], q.Shape[2], q.Shape[1]]); // [B, T, H, D], [B, H, T]
        fixed (float* pq = q.RawSpan<float>(), pk = k.RawSpan<float>(), pv = v.RawSpan<float>(), py = y.RawSpan<float>(), pl = logSumExp.RawSpan<float>())
        {
            CausalAttentionKernels.Heads heads = Sizes(q, k, v, scale, ProductPrecision.Current);
            heads.O = Place(y);
            heads.Q.Start = pq;
            heads.K.Start = pk;
            heads.V.Start = pv;
            heads.O.Start = py;
            heads.LogSumExp = pl;
            CausalAttentionKernels.Forward(heads);
        }
        if (!GradMode.Records(q, k, v)) return y;
        CausalAttentionNode node = CausalAttentionNode.Rent();
        (node.LogSumExp, node.Scale, node.Precision) = (logSumExp, scale, ProductPrecision.Current);
        node.Connect(y, q, k, v);
        return y;
    }

    /// <summary>The same for queries, keys and values that lie side by side, [B, T, H + 2 G, D]: their gradient is written as one.</summary>
    internal static Tensor RunPacked(Tensor all, int headCount, double scale)
    {
        all = Rows(all);
        Tensor y = Tensor.Uninitialized(all.Shape.With(2, headCount)), logSumExp = Tensor.Uninitialized([all.Shape[0], headCount, all.Shape[1]]); // [B, T, H, D], [B, H, T]
        fixed (float* pa = all.RawSpan<float>(), py = y.RawSpan<float>(), pl = logSumExp.RawSpan<float>())
        {
            CausalAttentionKernels.Heads heads = Sizes(all, pa, headCount, scale, ProductPrecision.Current);
            heads.O = Place(y);
            heads.O.Start = py;
            heads.LogSumExp = pl;
            CausalAttentionKernels.Forward(heads);
        }
        if (!GradMode.Records(all)) return y;
        PackedCausalAttentionNode node = PackedCausalAttentionNode.Rent();
        (node.LogSumExp, node.Scale, node.Precision) = (logSumExp, scale, ProductPrecision.Current);
        node.Connect(y, all);
        return y;
    }

    // The kernels need the elements of a head side by side; views with other strides are copied.
    private static Tensor Rows(Tensor x) => x.Strides[3] == 1 || x.Shape[3] == 1 ? x : x.Contiguous();

    private static HeadView Place(Tensor x) => new() { Batch = x.Strides[0], Token = x.Strides[1], Head = x.Strides[2] };

    private static CausalAttentionKernels.Heads Sizes(Tensor q, Tensor k, Tensor v, double scale, Precision precision) => new()
    {
        B = q.Shape[0], T = q.Shape[1], S = k.Shape[1], H = q.Shape[2], G = k.Shape[2], D = q.Shape[3], Scale = (float)scale, Precision = precision, Q = Place(q), K = Place(k), V = Place(v),
    };

    private static CausalAttentionKernels.Heads Sizes(Tensor all, float* start, int headCount, double scale, Precision precision)
    {
        int groups = (all.Shape[2] - headCount) / 2;
        CausalAttentionKernels.Heads heads = new()
        {
            B = all.Shape[0], T = all.Shape[1], S = all.Shape[1], H = headCount, G = groups, D = all.Shape[3], Scale = (float)scale, Precision = precision,
        };
        (heads.Q, heads.K, heads.V) = Split(all, start, headCount, groups);
        return heads;
    }

    private static (HeadView Q, HeadView K, HeadView V) Split(Tensor all, float* start, int headCount, int groups)
    {
        HeadView q = Place(all), k = q, v = q;
        q.Start = start;
        k.Start = start + (nint)headCount * all.Strides[2];
        v.Start = start + (nint)(headCount + groups) * all.Strides[2];
        return (q, k, v);
    }

    // What both forms keep for the backward pass.
    private abstract class AttentionNode<TNode> : Node<TNode> where TNode : AttentionNode<TNode>, new()
    {
        internal Tensor LogSumExp = null!;
        internal double Scale;
        internal Precision Precision;

        internal sealed override Tensor Composition()
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            return Compose();
        }

        private protected abstract Tensor Compose();

        protected sealed override void Clear() => LogSumExp = null!;
    }

    // See CausalAttentionKernels for the derivation.
    private sealed class CausalAttentionNode : AttentionNode<CausalAttentionNode>
    {
        internal override string Operation => "CausalAttention";

        private protected override Tensor Compose() => CausalAttentionOps.Composition(Input(0), Input(1), Input(2), Scale);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor q = Input(0), k = Input(1), v = Input(2), dq = Tensor.Uninitialized(q.Shape), dk = Tensor.Uninitialized(k.Shape), dv = Tensor.Uninitialized(v.Shape);
            dy = dy.Contiguous();
            fixed (float* pq = q.RawSpan<float>(), pk = k.RawSpan<float>(), pv = v.RawSpan<float>(), py = Output.RawSpan<float>(), pl = LogSumExp.RawSpan<float>())
            fixed (float* pdy = dy.RawSpan<float>(), pdq = dq.RawSpan<float>(), pdk = dk.RawSpan<float>(), pdv = dv.RawSpan<float>())
            {
                CausalAttentionKernels.Heads heads = Sizes(q, k, v, Scale, Precision);
                (heads.O, heads.DO, heads.DQ, heads.DK, heads.DV) = (Place(Output), Place(dy), Place(dq), Place(dk), Place(dv));
                heads.Q.Start = pq;
                heads.K.Start = pk;
                heads.V.Start = pv;
                heads.O.Start = py;
                heads.LogSumExp = pl;
                heads.DO.Start = pdy;
                heads.DQ.Start = pdq;
                heads.DK.Start = pdk;
                heads.DV.Start = pdv;
                CausalAttentionKernels.Backward(heads);
            }
            pass.Add(q, dq);
            pass.Add(k, dk);
            pass.Add(v, dv);
        }
    }

    private sealed class PackedCausalAttentionNode : AttentionNode<PackedCausalAttentionNode>
    {
        internal override string Operation => "PackedCausalAttention";

        private protected override Tensor Compose() => CausalAttentionOps.PackedComposition(Input(0), Output.Shape[2], Scale);

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor all = Input(0), target = pass.Target(all, out bool accumulate), da = accumulate ? Tensor.Uninitialized(all.Shape) : target;
            dy = dy.Contiguous();
            fixed (float* pa = all.RawSpan<float>(), py = Output.RawSpan<float>(), pl = LogSumExp.RawSpan<float>(), pdy = dy.RawSpan<float>(), pda = da.RawSpan<float>())
            {
                CausalAttentionKernels.Heads heads = Sizes(all, pa, Output.Shape[2], Scale, Precision);
                (heads.DQ, heads.DK, heads.DV) = Split(da, pda, heads.H, heads.G);
                (heads.O, heads.DO) = (Place(Output), Place(dy));
                heads.O.Start = py;
                heads.DO.Start = pdy;
                heads.LogSumExp = pl;
                CausalAttentionKernels.Backward(heads);
            }
            if (accumulate) InPlace.Add(target, da);
        }
    }
}
