using static Weft.Tensors.Tests.GradientTables.GradientCase;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>Operations that view, move, pick, join or total elements.</summary>
internal static class ShapeGradients
{
    internal static IEnumerable<GradientCase> Lines => [.. Views, .. Indices, .. Totals];

    private static IEnumerable<GradientCase> Views =>
    [
        One("Contiguous", x => x.Contiguous()),
        One("Reshape(T, int..)", x => x.Reshape(-1)),
        One("Reshape(T, Shape)", x => x.Reshape(new Shape(x.Count))),
        One("Transpose", x => x.Transpose(), shapes: Matrices),
        One("Permute", x => x.Permute([.. Enumerable.Range(0, x.Rank).Reverse()])),
        One("Expand", x => x.Unsqueeze(0).Expand(new Shape([4, .. x.Shape.ToArray()]))),
        One("Unsqueeze", x => x.Unsqueeze(0)),
        One("Squeeze(T)", x => x.Squeeze()),
        One("Squeeze(T, int)", x => x.Squeeze(0), shapes: "1,5|1|0,3|1,1,7|3,1|1,3,2"),
        One("Flatten", x => x.Flatten()),
        One("Narrow", x => x.Narrow(0, x.Shape[0] / 3, (x.Shape[0] + 1) / 2), shapes: "3,5|1|0,3|5,1,2|7"),
        One("Select", x => x.Select(0, -1), shapes: Filled),
        Two("Concat", (a, b) => Tensor.Concat([b, a, b], 0), shapes: "3,5 2,5|1,1 1,1|0,3 2,3|2,1,7 1,1,7|4 3"),
        Two("Stack", (a, b) => Tensor.Stack([b, a], -1), shapes: Alike),
        One("Split(T, int, int)", x => Flat([.. x.Split(2, 0).Reverse()]), shapes: "3,5|1|0,3|5,1,2|4"),
        One("Split(T, int.., int)", x => Flat([.. x.Split([1, x.Shape[0] - 1], 0).Reverse()]), shapes: Filled),
        One("Chunk", x => Flat([.. x.Chunk(2, 0).Reverse()]), shapes: "3,5|1|0,3|5,1,2|4"),
        One("Flip", x => x.Flip(0, -1), shapes: Matrices),
        One("Roll(T, int, int)", x => x.Roll(2, 0), shapes: Matrices),
        One("Roll(T, int)", x => x.Roll(-2)),
        One("Pad", x => Flat(x.Pad(0, 1, 2, value: 0.5), x.Pad(0, -1, 1), x.Pad(0, 2, 1, Padding.Reflect), x.Pad(0, 2, 4, Padding.Replicate), x.Pad(0, 2, 3, Padding.Circular)), shapes: "3,5|4,1|3,0|5,1,2|7"),
        One("Repeat", x => x.Repeat(2, 1, 3)),
        One("RepeatInterleave", x => x.RepeatInterleave(3, 0), shapes: Matrices),
        One("Windows", x => x.Windows(0, 2, 1), shapes: "3,5|2,1|5,0|3,1,2|7"),
        One("Diagonal", x => x.Diagonal(1), shapes: Matrices),
        One("DiagonalEmbed", x => x.DiagonalEmbed(-1), shapes: Filled),
        One("Tril", x => x.Tril(), shapes: Matrices),
        One("Triu", x => x.Triu(1), shapes: Matrices),
        One("Trace", x => x.Trace(), shapes: Matrices),
    ];

    private static IEnumerable<GradientCase> Indices =>
    [
        One("IndexSelect(T, int, T)", x => x.IndexSelect(0, Index([4], x.Shape[0])), shapes: Filled),
        One("IndexSelect(T, int, int..)", x => x.IndexSelect(-1, [0, 0]), shapes: "3,5|1|0,3|2,1,7|4"),
        Two("IndexAdd", (x, s) => x.IndexAdd(0, Index([s.Shape[0]], x.Shape[0]), s, 1.5), shapes: "3,5 4,5|1 2|2,1,7 3,1,7|5,0 2,0|4 4"),
        Two("IndexCopy", (x, s) => x.IndexCopy(0, Tensor.Arange(s.Shape[0]), s), shapes: "3,5 2,5|1 1|2,1,7 2,1,7|5,0 2,0|4 3"),
        One("Gather", x => x.Gather(0, Index(x.Shape.With(0, 4), x.Shape[0])), shapes: Filled),
        Two("ScatterAdd", (x, s) => x.ScatterAdd(0, Index(s.Shape, x.Shape[0]), s), shapes: Scattered),
        Two("Scatter", (x, s) => x.Scatter(0, Index(s.Shape, x.Shape[0]), s), shapes: Scattered),
        Two("ScatterReduce", (x, s) => Flat([.. Enum.GetValues<ScatterReduction>().Select(r => x.ScatterReduce(0, Index(s.Shape, x.Shape[0]), s, r))]), shapes: Scattered),
        One("At", x => x.At(Index([4], x.Shape[0])), shapes: Filled),
        One("Embedding", x => x.Embedding(Index([2, 3], x.Shape[0])), shapes: "5,3|1,1|4,0|7,2|3,4"),
        One("EmbeddingBag", x => Flat([.. Enum.GetValues<BagMode>().Select(m => x.EmbeddingBag(Index([2, 3], x.Shape[0]), mode: m))]), shapes: "5,3|4,1|4,0|7,2|3,4"),
        One("MaskedSelect", x => x.MaskedSelect(Mask(x.Shape))),
        One("Sort", x => x.Sort(0).Values, shapes: Filled),
        One("TopK", x => x.TopK(1, 0).Values, shapes: Filled),
        One("KthSmallest", x => x.KthSmallest(1, 0).Values, shapes: Filled),
        One("Median", x => x.Median(0).Values, shapes: Filled),
        One("MaxWithIndices", x => x.MaxWithIndices(0).Values, shapes: Filled),
        One("MinWithIndices", x => x.MinWithIndices(0).Values, shapes: Filled),
        One("CumulativeMax", x => x.CumulativeMax(0).Values, shapes: Filled),
    ];

    private static IEnumerable<GradientCase> Totals =>
    [
        One("Sum(T)", x => x.Sum()),
        One("Sum(T, int, bool)", x => x.Sum(0), shapes: Matrices),
        One("Sum(T, bool, int..)", x => x.Sum(true, 0, -1), shapes: Matrices),
        One("SumTo", x => x.SumTo(x.Shape.With(0, 1)), shapes: Filled),
        One("Mean(T)", x => x.Mean()),
        One("Mean(T, int, bool)", x => x.Mean(0), shapes: Filled),
        One("Mean(T, bool, int..)", x => x.Mean(true, 0, -1), shapes: Matrices),
        One("Max(T)", x => x.Max(), shapes: "3,5|1|2,1,7|-|5", noEmpty: NoValue),
        One("Max(T, int, bool)", x => x.Max(0), shapes: Filled),
        One("Max(T, bool, int..)", x => x.Max(true, 0, -1), shapes: "3,5|1,1|2,1,7|5,2|3,1", noEmpty: NoValue),
        One("Min(T)", x => x.Min(), shapes: "3,5|1|2,1,7|-|5", noEmpty: NoValue),
        One("Min(T, int, bool)", x => x.Min(0), shapes: Filled),
        One("Min(T, bool, int..)", x => x.Min(true, 0, -1), shapes: "3,5|1,1|2,1,7|5,2|3,1", noEmpty: NoValue),
        One("Variance(T, double)", x => x.Variance(0)),
        One("Variance(T, double, bool, int..)", x => x.Variance(1, true, -1), shapes: Spread),
        One("StandardDeviation(T, double)", x => x.StandardDeviation(1), shapes: Spread),
        One("StandardDeviation(T, double, bool, int..)", x => x.StandardDeviation(0, false, -1), shapes: Spread),
        One("Norm(T, double)", x => x.Norm(2)),
        One("Norm(T, double, bool, int..)", x => Flat(x.Norm(3, true, -1), x.Norm(1, false, -1), x.Norm(double.PositiveInfinity, false, -1)), shapes: "3,5|1|0,3|2,1,7|4"),
        One("Product(T)", x => x.Product()),
        One("Product(T, int, bool)", x => x.Product(0, true), shapes: Matrices),
        One("CumulativeSum", x => x.CumulativeSum(0), shapes: Matrices),
        One("CumulativeProduct", x => x.CumulativeProduct(0), shapes: Matrices),
        One("CumulativeLogSumExp", x => x.CumulativeLogSumExp(0), shapes: Matrices),
        One("LogSumExp(T, int, bool)", x => x.LogSumExp(-1), shapes: "3,5|1|0,3|2,1,7|4"),
        One("LogSumExp(T, bool, int..)", x => x.LogSumExp(true, 0, -1), shapes: Matrices),
        One("Softmax", x => x.Softmax()),
        One("LogSoftmax", x => x.LogSoftmax()),
        One("Softmin", x => x.Softmin()),
        One("MaskedSoftmax", x => x.MaskedSoftmax(Mask(x.Shape))),
    ];

    private const string NoValue = "there is no largest element of none";
    private const string Scattered = "3,5 2,5|1 2|2,1,7 3,1,7|5,0 2,0|4 4";
    private const string Spread = "3,5|1,3|0,3|2,1,7|5";
}
