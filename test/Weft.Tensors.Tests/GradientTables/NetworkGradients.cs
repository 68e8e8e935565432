using static Weft.Tensors.Tests.GradientTables.GradientCase;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>Products, linear algebra, normalizations and attention.</summary>
internal static class NetworkGradients
{
    internal static IEnumerable<GradientCase> Lines => [.. Products, .. Algebra, .. Normalizations, .. Attention];

    private static IEnumerable<GradientCase> Products =>
    [
        Two("MatMul", (a, b) => a.MatMul(b), shapes: "3,5 5,2|1,1 1,1|0,3 3,2|2,1,3,4 3,4,2|4 4|5 5,3|2,3,4 4"),
        Three("LinearActivation", "3,5 2,5 2|1,1 1,1 1|0,3 2,3 2|2,3,4 5,4 5|4 3,4 3", (x, w, b) => x.LinearActivation(w, b, Activation.GeluTanh)),
        Three("Linear", "3,5 2,5 2|1,1 1,1 1|0,3 2,3 2|2,3,4 5,4 5|4 3,4 3", (x, w, b) => x.Linear(w, b)),
        new("Bilinear", "3,5 3,2 4,5,2 4|1,1 1,1 1,1,1 1|0,3 0,2 2,3,2 2|2,3,2 2,3,4 3,2,4 3|5 2 3,5,2 3", t => t[0].Bilinear(t[1], t[2], t[3])),
        Two("Dot", (a, b) => a.Dot(b), shapes: "3 3|1 1|0 0|7 7|5 5"),
        Two("Outer", (a, b) => a.Outer(b), shapes: "3 5|1 1|0 3|7 2|1 4"),
        Two("TensorDot", (a, b) => a.TensorDot(b, [1], [0]), shapes: "3,5 5,2|1,1 1,1|3,0 0,2|2,4,3 4,2|1,7 7,1"),
        Two("Kronecker", (a, b) => a.Kronecker(b), shapes: "3,5 1,2|1 1|0,3 2,2|2,1,3 2|4 3"),
        Two("Einsum", (a, b) => Tensor.Einsum("...ij,...jk->...k", a, b), shapes: "3,5 5,2|1,1 1,1|0,3 3,2|2,3,4 2,4,2|2,1,3,4 3,4,2"),
        Two("CosineSimilarity", (a, b) => a.CosineSimilarity(b), shapes: "3,5 3,5|3,5 5|2,1,4 3,4|1,3 1,3|0,3 3"),
        Two("PairwiseDistance", (a, b) => a.PairwiseDistance(b), shapes: "3,5 3,5|3,5 5|2,1,4 3,4|1,3 1,3|0,3 3"),
        Two("DistanceMatrix", (a, b) => a.DistanceMatrix(b), shapes: "3,5 2,5|1,3 1,3|0,3 2,3|2,4,3 2,2,3|5,2 4,2"),
        One("Normalize", x => x.Normalize(), shapes: "3,5|1,3|0,3|2,1,7|5"),
    ];

    private static IEnumerable<GradientCase> Algebra =>
    [
        Two("Solve", (a, b) => Strong(a).Solve(b), shapes: "3,3 3,2|1,1 1,1|0,3,3 0,3,2|2,5,5 2,5,1|2,2 2,4"),
        One("Inverse", x => Strong(x).Inverse(), shapes: Squares),
        One("Determinant", x => (Strong(x) * 0.3).Determinant(), shapes: Squares),
        One("LogAbsoluteDeterminant", x => Strong(x).LogAbsoluteDeterminant(), shapes: Squares),
        One("Cholesky", x => Strong(x.MatMul(x.Transpose())).Cholesky(), shapes: Squares),
        One("SymmetricEigen", x => Apart(x).SymmetricEigen() is var (values, vectors) ? Flat(values, vectors.Square()) : x, shapes: Squares),
        One("SingularValues", x => Apart(x).SingularValues(), shapes: Squares),
    ];

    private static IEnumerable<GradientCase> Normalizations =>
    [
        Three("LayerNorm", "3,5 5 5|1,3 3 3|0,3 3 3|2,1,7 7 7|4 4 4", (x, w, b) => x.LayerNorm(w, b)),
        Two("RmsNorm", (x, w) => x.RmsNorm(w), shapes: "3,5 5|1,3 3|0,3 3|2,1,7 7|4 4"),
        Two("RmsNormPlusOne", (x, w) => x.RmsNormPlusOne(w), shapes: "3,5 5|1,3 3|0,3 3|2,1,7 7|4 4"),
        Three("GroupNorm", "2,4,3 4 4|1,2,5 2 2|0,4,3 4 4|3,6 6 6|2,2,1,3 2 2", (x, w, b) => x.GroupNorm(x.Shape[1] / 2, w, b, 0.1)),
        Three("InstanceNorm", "2,4,3 4 4|1,2,5 2 2|0,2,3 2 2|3,2,4 2 2|2,1,7 1 1", (x, w, b) => x.InstanceNorm(w, b)),
        Three("BatchNorm", "3,5 5 5|5,1 1 1|0,3 3 3|2,3,4 3 3|2,2,1,3 2 2", (x, w, b) => x.BatchNorm(w, b)),
        new("BatchNormFixed", "3,5 5 5 5 5|1,1 1 1 1 1|0,3 3 3 3 3|2,3,4 3 3 3 3|7,2 2 2 2 2", t => t[0].BatchNormFixed(t[1], t[2].Square() + 0.5, t[3], t[4])),
        One("LocalResponseNorm", x => x.LocalResponseNorm(3, 0.5), shapes: "2,4,3|1,1,3|0,3,2|2,5|3,2,2,1"),
        Two("WeightNorm", (v, g) => v.WeightNorm(g), shapes: "3,5 3,1|1,2 1,1|0,3 0,1|4,2,3 4,1,1|7,1 7,1"),
        One("SpectralNorm", x => x.SpectralNorm(Tensor.Ones([x.Shape[0]], DType.Float64), iterations: 400).Weight, shapes: "3,5|1,1|5,2|4,1|2,7", noEmpty: "an empty matrix has no largest singular value", noSecond: "the singular vectors are constants, which is right for first derivatives only"),
    ];

    private static IEnumerable<GradientCase> Attention =>
    [
        new("ScaledDotProductAttention", "2,3,4 2,5,4 2,5,3 3,5|1,1,1 1,1,1 1,1,1 1,1|0,3,2 0,4,2 0,4,2 4|2,4,3,2 2,2,5,2 2,2,5,3 2,1,3,5|3,2 4,2 4,5 3,4", t => t[0].ScaledDotProductAttention(t[1], t[2], t[3], causal: true)),
        Two("AttentionPattern", (q, k) => q.AttentionPattern(k), shapes: "2,3,4 2,5,4|1,1,1 1,1,1|0,3,2 0,4,2|2,4,3,2 2,2,5,2|3,2 4,2"),
        Three("WindowAttention", "2,3,4 2,5,4 2,5,3|1,1,1 1,1,1 1,1,1|0,3,2 0,4,2 0,4,2|2,4,3,2 2,2,5,2 2,2,5,3|3,2 3,2 3,5", (q, k, v) => q.WindowAttention(k, v, softcap: 1.5, window: 2)),
        Three("LinearAttention", "2,3,4 2,3,4 2,3,5|1,1,1 1,1,1 1,1,1|0,3,2 0,3,2 0,3,2|2,4,3,2 2,2,3,2 2,2,3,3|3,2 3,2 3,5", (q, k, v) => q.LinearAttention(k, v)),
        Three("CausalAttention", "2,3,2,4 2,3,2,4 2,3,2,4|1,1,1,2 1,1,1,2 1,1,1,2|0,3,2,2 0,3,2,2 0,3,2,2|2,3,4,2 2,5,2,2 2,5,2,2|1,5,3,2 1,5,1,2 1,5,1,2", (q, k, v) => q.CausalAttention(k, v, 0.7)),
        One("PackedCausalAttention", x => x.PackedCausalAttention(x.Shape[2] == 3 ? 1 : 2, 0.7), shapes: "2,3,6,4|1,1,3,2|0,3,6,2|2,4,4,2|1,5,6,3"),
        Two("CausalAttentionPattern", (q, k) => q.CausalAttentionPattern(k, 0.7), shapes: "2,3,2,4 2,3,2,4|1,1,1,2 1,1,1,2|0,3,2,2 0,3,2,2|2,3,4,2 2,5,2,2|1,5,3,2 1,5,1,2"),
        Two("AttendTo", (p, v) => p.AttendTo(v), shapes: "2,2,3,3 2,3,2,4|1,1,1,1 1,1,1,2|0,2,3,3 0,3,2,2|2,4,3,5 2,5,2,2|1,3,5,5 1,5,1,2"),
        Three("Rotary", "2,3,2,4 3,2 3,2|1,1,1,2 1,1 1,1|0,3,2,2 3,1 3,1|2,5,1,6 2,5,3 2,5,3|1,2,3,2 2,1 2,1", (x, c, s) => x.Rotary(c, s)),
        Three("RotaryInterleaved", "2,3,2,4 3,2 3,2|1,1,1,2 1,1 1,1|0,3,2,2 3,1 3,1|2,5,1,6 2,5,2 2,5,2|1,2,3,3 2,1 2,1", (x, c, s) => x.RotaryInterleaved(c, s)),
    ];

    // Far from singular.
    private static Tensor Strong(Tensor x) => x + Tensor.Identity(x.Shape[^1], DType.Float64) * 7.0;

    // Eigenvalues and singular values far from each other: their derivatives have the gaps as divisors.
    private static Tensor Apart(Tensor x)
    {
        int n = x.Shape[^1];
        return x * 0.3 + Tensor.Identity(n, DType.Float64) * Tensor.Arange(n, 2, 4, DType.Float64);
    }
}
