using Weft.Models.Recurrent;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class RecurrentHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Ops("rnn", c => Run(c, c.Attrs.StringOrNull("nonlinearity") == "relu" ? RecurrentCell.Relu : RecurrentCell.Tanh));
        runner.Ops("gru", c => Run(c, RecurrentCell.Gru));
        runner.Ops("lstm", c => Run(c, RecurrentCell.Lstm));
    }

    private static IReadOnlyList<(string, Tensor)> Run(OpCase c, RecurrentCell cell)
    {
        bool both = c.Attrs.BoolOrNull("bidirectional") ?? false;
        List<RecurrentLayer> layers = [];
        for (int l = 0; l < (c.Attrs.IntOrNull("num_layers") ?? 1); l++)
            foreach (string direction in (string[])(both ? ["", "_reverse"] : [""]))
            {
                string suffix = $"_l{l}{direction}";
                layers.Add(new RecurrentLayer(cell, new RecurrentWeights(c["weight_ih" + suffix], c["weight_hh" + suffix], c.Optional("bias_ih" + suffix), c.Optional("bias_hh" + suffix), c.Optional("weight_hr" + suffix))));
            }
        RecurrentStack stack = new(layers, both, c.Attrs.BoolOrNull("batch_first") ?? false);
        RecurrentState? state = c.Optional("h0") is { } h ? new RecurrentState(h, c.Optional("c0")) : null;
        (Tensor output, RecurrentState final) = stack.Forward(c.X, state, c.Optional("lengths"));
        return final.Cell is { } cells ? [("out", output), ("hn", final.Hidden), ("cn", cells)] : [("out", output), ("hn", final.Hidden)];
    }
}
