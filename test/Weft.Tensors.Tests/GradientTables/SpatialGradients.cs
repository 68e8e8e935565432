using static Weft.Tensors.Tests.GradientTables.GradientCase;

namespace Weft.Tensors.Tests.GradientTables;

/// <summary>Convolutions, pooling and recurrent layers.</summary>
internal static class SpatialGradients
{
    // Batches of lines, planes and volumes.
    private const string Planes = "2,3,5,4|1,1,3,3|0,2,4,4|3,2,4|1,2,3,4,3";

    internal static IEnumerable<GradientCase> Lines =>
    [
        Three("Convolution", "2,3,5 4,3,3 4|1,1,1 1,1,1 1|0,2,3 2,2,2 2|1,2,4,3 3,2,3,2 3|1,2,2,3,2 1,2,1,2,2 1|2,5 3,2,2 3", static (x, w, b) => x.Convolution(w, b, [2], [1])),
        Three("ConvolutionSame", "2,3,5 4,3,2 4|1,1,1 1,1,1 1|0,2,3 2,2,3 2|1,2,4,3 3,2,3,2 3|2,5 3,2,2 3", static (x, w, b) => x.ConvolutionSame(w, b, [2])),
        Three("ConvolutionCausal", "2,4,5 4,2,3 4|1,2,1 2,1,1 2|0,2,3 2,1,3 2|1,2,7 4,1,2 4|2,5 2,1,2 2", static (x, w, b) => x.ConvolutionCausal(w, b, 2, 2)),
        Three("ConvolutionTransposed", "2,3,4 3,2,3 2|1,1,2 1,1,3 1|0,2,3 2,2,3 2|1,2,3,2 2,3,3,3 3|2,5 2,3,3 3", static (x, w, b) => x.ConvolutionTransposed(w, b, [2], [1], [1])),
        One("ImageToColumns", static x => x.ImageToColumns([2], [1], [1], [2]), shapes: "2,3,5|1,1,3|0,2,4|1,2,3,4|1,1,3,3,3"),
        One("ColumnsToImage", static x => x.ColumnsToImage([3], [2], [1], [1]), shapes: "2,4,4|1,2,4|0,2,4|3,6,4|1,8,4"),
        One("MaxPool", static x => x.MaxPool([2], [1], [1]).Square(), shapes: Planes),
        One("MaxPoolWithIndices", static x => x.MaxPoolWithIndices([3], [2], roundUp: true).Values.Square(), shapes: Planes),
        One("AveragePool", static x => x.AveragePool([2], [1], [1], countPadding: false).Square(), shapes: Planes),
        One("AdaptiveAveragePool", static x => x.AdaptiveAveragePool(2).Square(), shapes: Planes),
        One("AdaptiveMaxPool", static x => x.AdaptiveMaxPool(2).Square(), shapes: Planes),
        One("PowerPool", static x => x.PowerPool(3, [2], [1]), 0.5, 2, shapes: Planes),
        new("Recurrence", "3,2,2 8,2 8,2 8 8 2,2 2,2|1,1,1 4,1 4,1 4 4 1,1 1,1|2,0,3 4,3 4,1 4 4 0,1 0,1|2,3,1 4,1 4,1 4 4 3,1 3,1|5,1,2 4,2 4,1 4 4 1,1 1,1", static t =>
        {
            (Tensor output, RecurrentState final) = t[0].Recurrence(RecurrentCell.Lstm, new RecurrentWeights(t[1], t[2], t[3], t[4]), new RecurrentState(t[5], t[6]));
            return Flat(output, final.Hidden, final.Cell!);
        }, -1, 1),
    ];
}
