using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class ShapeHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        Views(runner);
        Indexing(runner);
        Rearranging(runner);
        runner.ValuesAndIndices("topk", c => c.X.TopK(c.Attrs.Int("k"), Dim(c), c.Attrs.BoolOrNull("largest") ?? true));
        runner.ValuesAndIndices("sort", c => c.X.Sort(Dim(c), c.Attrs.BoolOrNull("descending") ?? false));
        runner.Op("argsort", c => c.X.ArgSort(Dim(c), c.Attrs.BoolOrNull("descending") ?? false));
        runner.ValuesAndIndices("kthvalue", c => c.X.KthSmallest(c.Attrs.Int("k"), Dim(c)));
        runner.Op("one_hot", c => c.X.OneHot(c.Attrs.Int("num_classes")));
        runner.Op("bincount", c => c.X.BinCount(c.Attrs.Int("minlength")));
        runner.Op("searchsorted", c => c["sorted_sequence"].SearchSorted(c["values"], c.Attrs.BoolOrNull("right") ?? false));
        runner.Op("bucketize", c => c["boundaries"].SearchSorted(c.X, c.Attrs.BoolOrNull("right") ?? false));
        runner.Ops("unique", c => c.X.Unique() is var (values, inverse, counts) ? [("values", values), ("inverse", inverse), ("counts", counts)] : []);
        runner.Op("arange", c =>
        {
            double start = c.Attrs.Double("start"), step = c.Attrs.Double("step");
            return Tensor.Arange((int)Math.Ceiling((c.Attrs.Double("end") - start) / step), start, step, DType.Float64);
        });
        runner.Op("linspace", c => Tensor.LinSpace(c.Attrs.Double("start"), c.Attrs.Double("end"), c.Attrs.Int("steps")));
    }

    private static void Views(GoldenRunner runner)
    {
        runner.Op("reshape", c => c.X.Reshape(c.Attrs.Ints("shape")));
        runner.Op("transpose", c => c.X.Transpose(c.Attrs.Int("dim0"), c.Attrs.Int("dim1")));
        runner.Op("permute", c => c.X.Permute(c.Attrs.Ints("dims")));
        runner.Op("squeeze", c => c.Attrs.IntOrNull("dim") is { } d ? c.X.Squeeze(d) : c.X.Squeeze());
        runner.Op("unsqueeze", c => c.X.Unsqueeze(c.Attrs.Int("dim")));
        runner.Op("flatten", c => c.X.Flatten(c.Attrs.Int("start_dim"), c.Attrs.Int("end_dim")));
        runner.Op("narrow", c => c.X.Narrow(c.Attrs.Int("dim"), c.Attrs.Int("start"), c.Attrs.Int("length")));
        runner.Op("select", c => c.X.Select(c.Attrs.Int("dim"), c.Attrs.Int("index")));
        runner.Op("slice_step", c =>
        {
            int d = c.Attrs.Int("dim"), n = c.X.Shape[d], start = c.Attrs.Int("start"), stop = c.Attrs.IntOrNull("stop") ?? n, step = c.Attrs.Int("step");
            if (start < 0) start += n;
            if (stop < 0) stop += n;
            stop = Math.Min(stop, n);
            return c.X.Narrow(d, start, Math.Max(0, (stop - start + step - 1) / step), step);
        });
        runner.Op("diagonal", c => c.X.Diagonal(c.Attrs.Int("offset"), c.Attrs.Int("dim1"), c.Attrs.Int("dim2")));
        runner.Op("diag_embed", c => c.X.DiagonalEmbed(c.Attrs.Int("offset")));
        runner.Op("tril", c => c.X.Tril(c.Attrs.Int("diagonal")));
        runner.Op("triu", c => c.X.Triu(c.Attrs.Int("diagonal")));
        runner.Ops("split", c => Parts(c.Attrs.Json("split_size").ValueKind == System.Text.Json.JsonValueKind.Array
            ? c.X.Split(c.Attrs.Ints("split_size"), c.Attrs.Int("dim")) : c.X.Split(c.Attrs.Int("split_size"), c.Attrs.Int("dim"))));
        runner.Ops("chunk", c => Parts(c.X.Chunk(c.Attrs.Int("chunks"), c.Attrs.Int("dim"))));
    }

    private static void Indexing(GoldenRunner runner)
    {
        runner.Op("gather", c => c.X.Gather(c.Attrs.Int("dim"), c["index"]));
        runner.Op("scatter", c => c.X.Scatter(c.Attrs.Int("dim"), c["index"], c["src"]));
        runner.Op("scatter_add", c => c.X.ScatterAdd(c.Attrs.Int("dim"), c["index"], c["src"]));
        runner.Op("scatter_reduce", c => c.X.ScatterReduce(c.Attrs.Int("dim"), c["index"], c["src"], c.Attrs.String("reduce") switch
        {
            "sum" => ScatterReduction.Sum,
            "mean" => ScatterReduction.Mean,
            "amax" => ScatterReduction.Max,
            "amin" => ScatterReduction.Min,
            "prod" => ScatterReduction.Product,
            string other => throw new InvalidDataException($"reduce {other}"),
        }, c.Attrs.Bool("include_self")));
        runner.Op("index_select", c => c.X.IndexSelect(c.Attrs.Int("dim"), c["index"]));
        runner.Op("index_add", c => c.X.IndexAdd(c.Attrs.Int("dim"), c["index"], c["src"], c.Attrs.Double("alpha")));
        runner.Op("index_copy", c => c.X.IndexCopy(c.Attrs.Int("dim"), c["index"], c["src"]));
        runner.Op("take_along_dim", c => c.X.Gather(c.Attrs.Int("dim"), c["index"]));
        runner.Op("advanced_index", c => c.X.At(c["i"], c["j"]));
        runner.Op("masked_select", c => c.X.MaskedSelect(c["mask"]));
        runner.Op("nonzero", c => c.X.NonZero());
    }

    private static void Rearranging(GoldenRunner runner)
    {
        runner.Op("roll", c =>
        {
            if (c.Attrs.IntsOrNull("dims") is not { } dims) return c.X.Roll(c.Attrs.Int("shifts"));
            Tensor y = c.X;
            foreach ((int shift, int dim) in c.Attrs.Ints("shifts").Zip(dims)) y = y.Roll(shift, dim);
            return y;
        });
        runner.Op("flip", c => c.X.Flip(c.Attrs.Ints("dims")));
        runner.Op("pad", c =>
        {
            int[] pad = c.Attrs.Ints("pad"); // before and after of the last dimension, then of the one before it
            Padding mode = c.Attrs.String("mode") switch
            {
                "constant" => Padding.Constant,
                "reflect" => Padding.Reflect,
                "replicate" => Padding.Replicate,
                "circular" => Padding.Circular,
                string other => throw new InvalidDataException($"pad {other}"),
            };
            Tensor y = c.X;
            for (int i = 0; i < pad.Length / 2; i++) y = y.Pad(-1 - i, pad[2 * i], pad[2 * i + 1], mode, c.Attrs.DoubleOrNull("value") ?? 0);
            return y;
        });
        runner.Op("cat", c => Tensor.Concat([.. c.Names.Select(n => c[n])], c.Attrs.Int("dim")));
        runner.Op("stack", c => Tensor.Stack([.. c.Names.Select(n => c[n])], c.Attrs.Int("dim")));
        runner.Op("unfold_dim", c => c.X.Windows(c.Attrs.Int("dim"), c.Attrs.Int("size"), c.Attrs.Int("step")));
        runner.Op("repeat", c => c.X.Repeat(c.Attrs.Ints("repeats")));
        runner.Op("tile", c =>
        {
            int[] dims = c.Attrs.Ints("dims"); // fewer than the rank: of the last dimensions
            return c.X.Repeat([.. Enumerable.Repeat(1, Math.Max(0, c.X.Rank - dims.Length)), .. dims]);
        });
        runner.Op("repeat_interleave", c => c.X.RepeatInterleave(c.Attrs.Int("repeats"), c.Attrs.Int("dim")));
    }

    private static int Dim(OpCase c) => c.Attrs.IntOrNull("dim") ?? -1;

    private static (string, Tensor)[] Parts(Tensor[] parts) => [.. parts.Select((p, i) => ($"part{i}", p))];
}
