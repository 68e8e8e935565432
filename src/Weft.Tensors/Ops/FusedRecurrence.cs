using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>The float32 path of recurrent layers: one node for a whole sequence.</summary>
internal static class FusedRecurrence
{
    /// <summary>The states after each step: [1 or 2, T, B, H], hidden and, of an LSTM, cells. Rows past their length keep their state.</summary>
    internal static Tensor Run(RecurrentCell cell, Tensor input, Tensor weight, Tensor? bias, Tensor h, Tensor? c, Tensor? lengths, bool reverse)
    {
        (h, c) = (h.Contiguous(), c?.Contiguous());
        RecurrentKernels.Sizes sizes = new(cell, input.Shape[0], input.Shape[1], weight.Shape[1], reverse);
        bool records = GradMode.Records(input, weight, bias) || GradMode.Records(h, c);
        Tensor states = Tensor.Uninitialized([c is null ? 1 : 2, sizes.T, sizes.B, sizes.H]);
        Tensor gates = Tensor.Uninitialized([records ? sizes.T : 1, sizes.B, sizes.GateWidth]);
        // Each step streams the weights; for a single one that is not worth packing them.
        weight = weight.Contiguous();
        Tensor? packed = sizes.T > 1 ? Packed(weight, sizes.H, sizes.H, cell.GateCount(), 1, sizes.H) : null;
        RecurrentKernels.Forward(sizes, input.AsSpan<float>(), (packed ?? weight).AsSpan<float>(), bias is null ? [] : bias.Contiguous().AsSpan<float>(), h.AsSpan<float>(), c is null ? [] : c.AsSpan<float>(),
            lengths is null ? [] : lengths.Contiguous().AsSpan<int>(), states.AsSpan<float>(), gates.AsSpan<float>(), records);
        if (packed is not null) MemoryScope.ReleaseEarly(packed);
        if (!records)
        {
            MemoryScope.ReleaseEarly(gates);
            return states;
        }
        RecurrentNode node = RecurrentNode.Rent();
        (node.Sizes, node.Gates, node.Lengths) = (sizes, gates, lengths?.Contiguous());
        node.Connect(states, input, weight, bias, h, c);
        return states;
    }

    private static Tensor Packed(Tensor weight, int rows, int columns, int gates, int rowStride, int columnStride)
    {
        Tensor packed = Tensor.Uninitialized([RecurrentKernels.PackedCount(rows, columns, gates)]);
        RecurrentKernels.Pack(weight.AsSpan<float>(), rows, columns, gates, rowStride, columnStride, packed.AsSpan<float>());
        return packed;
    }

    // Backward through time: each step's gate gradients from those of the states after it, which then pass through U to the states
    // before it; dU and the bias's gradient follow from all steps at once.
    private sealed class RecurrentNode : Node<RecurrentNode>
    {
        internal RecurrentKernels.Sizes Sizes;
        internal Tensor Gates = null!;
        internal Tensor? Lengths;

        internal override string Operation => $"Recurrence {Sizes.Cell}";

        internal override Tensor Composition()
        {
            (Tensor hidden, Tensor? cells) = Recurrences.Composition(Sizes.Cell, Input(0), Input(1), Input(2), null, Input(3), Input(4), Lengths, Sizes.Reverse);
            return cells is null ? hidden.Unsqueeze(0) : Tensor.Stack([hidden, cells]);
        }

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            (int T, int B, int H, int width) = (Sizes.T, Sizes.B, Sizes.H, Sizes.Cell.GateCount() * Sizes.H);
            Tensor input = Input(0), weight = Input(1), h = Input(3);
            Tensor? bias = Input(2), c = Input(4);
            weight = weight.IsContiguous ? weight : weight.Detach().Contiguous();
            Tensor hiddenGates = Tensor.Uninitialized([T, B, width]), dh = Tensor.Zeros([B, H]);
            // Only a GRU's two products have different gradients.
            Tensor inputGates = Sizes.Cell == RecurrentCell.Gru ? Tensor.Uninitialized([T, B, width]) : hiddenGates;
            Tensor? dc = c is null ? null : Tensor.Zeros([B, H]);
            Tensor packed = Packed(weight, width, H, 1, H, 1);
            RecurrentKernels.Backward(Sizes, packed.AsSpan<float>(), h.AsSpan<float>(), c is null ? [] : c.AsSpan<float>(), Lengths is null ? [] : Lengths.AsSpan<int>(),
                Output.AsSpan<float>(), Gates.AsSpan<float>(), dy.Contiguous().AsSpan<float>(), inputGates.AsSpan<float>(), hiddenGates.AsSpan<float>(), dh.AsSpan<float>(), dc is null ? [] : dc.AsSpan<float>());

            MemoryScope.ReleaseEarly(packed);
            if (pass.Needs(Input(1)))
            {
                Tensor dw = pass.Target(Input(1), out bool accumulate);
                ReadOnlySpan<float> g = hiddenGates.AsSpan<float>(), states = Output.AsSpan<float>();
                // The first step stands on the given state, the others on the one before them.
                (int first, int rest, int before) = Sizes.Reverse ? (T - 1, 0, 1) : (0, 1, 0);
                MatrixProduct.Run(width, H, B, g.Slice(first * B * width, B * width), 1, width, h.AsSpan<float>(), H, 1, dw.AsSpan<float>(), H, accumulate);
                if (T > 1) MatrixProduct.Run(width, H, (T - 1) * B, g.Slice(rest * B * width, (T - 1) * B * width), 1, width, states.Slice(before * B * H, (T - 1) * B * H), H, 1, dw.AsSpan<float>(), H, accumulate: true);
            }
            if (bias is not null && pass.Needs(bias)) ColumnSumKernels.Run(hiddenGates.AsSpan<float>(), T * B, width, pass.Target(bias, out bool adds).AsSpan<float>(), adds);
            if (pass.Needs(input)) pass.Add(input, inputGates);
            if (pass.Needs(h)) pass.Add(h, dh);
            if (c is not null && pass.Needs(c)) pass.Add(c, dc!);
        }

        protected override void Clear() => (Gates, Lengths) = (null!, null);
    }
}
