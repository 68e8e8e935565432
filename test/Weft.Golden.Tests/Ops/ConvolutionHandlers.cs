using System.Text.Json;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class ConvolutionHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        for (int rank = 1; rank <= 3; rank++)
        {
            runner.Op($"conv{rank}d", Convolution);
            runner.Op($"conv_transpose{rank}d", c => c.X.ConvolutionTransposed(c["weight"], c.Optional("bias"), Sizes(c, "stride"), Sizes(c, "padding"), Sizes(c, "output_padding"), Sizes(c, "dilation"), c.Attrs.IntOrNull("groups") ?? 1));
            int dimensions = rank;
            runner.Ops($"max_pool{rank}d", c =>
            {
                (Tensor values, Tensor indices) = c.X.MaxPoolWithIndices(Sizes(c, "kernel_size", dimensions), Sizes(c, "stride"), Sizes(c, "padding"), Sizes(c, "dilation"), c.Attrs.BoolOrNull("ceil_mode") ?? false);
                return [("out", values), ("indices", indices)];
            });
            runner.Op($"avg_pool{rank}d", c =>
                c.X.AveragePool(Sizes(c, "kernel_size", dimensions), Sizes(c, "stride"), Sizes(c, "padding"), c.Attrs.BoolOrNull("ceil_mode") ?? false, c.Attrs.BoolOrNull("count_include_pad") ?? true));
            runner.Op($"adaptive_avg_pool{rank}d", c => c.X.AdaptiveAveragePool(Sizes(c, "output_size", dimensions)));
            runner.Op($"adaptive_max_pool{rank}d", c => c.X.AdaptiveMaxPool(Sizes(c, "output_size", dimensions)));
            runner.Op($"lp_pool{rank}d", c => c.X.PowerPool(c.Attrs.Double("norm_type"), Sizes(c, "kernel_size", dimensions), Sizes(c, "stride"), c.Attrs.BoolOrNull("ceil_mode") ?? false));
        }
        runner.Op("causal_conv1d", c => c.X.ConvolutionCausal(c["weight"], c.Optional("bias"), c.Attrs.IntOrNull("dilation") ?? 1, c.Attrs.IntOrNull("groups") ?? 1));
        runner.Op("unfold_im2col", c => c.X.ImageToColumns(Sizes(c, "kernel_size"), Sizes(c, "stride"), Sizes(c, "padding"), Sizes(c, "dilation")));
    }

    private static Tensor Convolution(OpCase c)
    {
        int groups = c.Attrs.IntOrNull("groups") ?? 1;
        bool named = c.Attrs.Has("padding") && c.Attrs.Json("padding").ValueKind == JsonValueKind.String;
        if (named && c.Attrs.String("padding") == "same") return c.X.ConvolutionSame(c["weight"], c.Optional("bias"), Sizes(c, "dilation"), groups);
        return c.X.Convolution(c["weight"], c.Optional("bias"), Sizes(c, "stride"), named ? [] : Sizes(c, "padding"), Sizes(c, "dilation"), groups);
    }

    // One number stands for every dimension.
    private static int[] Sizes(OpCase c, string name) => c.Attrs.IntsOrNull(name) ?? [];

    private static int[] Sizes(OpCase c, string name, int dimensions)
    {
        int[] sizes = c.Attrs.Ints(name);
        return sizes.Length == dimensions ? sizes : [.. Enumerable.Repeat(sizes[0], dimensions)];
    }
}
