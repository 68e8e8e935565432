using Weft.Tensors.Kernels;

namespace Weft.Tensors;

/// <summary>What a recurrent layer computes at each step.</summary>
public enum RecurrentCell
{
    /// <summary>h' = tanh(W x + b + U h + d) (Elman 1990).</summary>
    Tanh,

    /// <summary>h' = max(0, W x + b + U h + d) (Le et al. 2015, arXiv:1504.00941).</summary>
    Relu,

    /// <summary>Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), with the reset gate behind the hidden product: see <see cref="Recurrences"/>.</summary>
    Gru,

    /// <summary>Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).</summary>
    Lstm,
}

/// <summary>The weights of a recurrent layer in one direction. G is the number of gates: 1, for a GRU 3, for an LSTM 4.</summary>
/// <param name="Input">W, [G H, I].</param>
/// <param name="Hidden">U, [G H, P], where P is H without a projection.</param>
/// <param name="InputBias">b, [G H], or null.</param>
/// <param name="HiddenBias">d, [G H], or null.</param>
/// <param name="Projection">Of an LSTM's output to a smaller state (Sak et al. 2014, arXiv:1402.1128): [P, H], or null.</param>
public sealed record RecurrentWeights(Tensor Input, Tensor Hidden, Tensor? InputBias = null, Tensor? HiddenBias = null, Tensor? Projection = null);

/// <summary>What a recurrent layer carries from step to step.</summary>
/// <param name="Hidden">h, [B, P].</param>
/// <param name="Cell">c of an LSTM, [B, H]; null for others.</param>
public readonly record struct RecurrentState(Tensor Hidden, Tensor? Cell = null)
{
    /// <summary>The same values without history: training on a long text cuts it into segments here.</summary>
    public RecurrentState Detach() => new(Hidden.Detach(), Cell?.Detach());

    /// <summary>Lets the state outlive the memory scope that it was computed in.</summary>
    public RecurrentState Keep() => new(Hidden.Keep(), Cell?.Keep());
}

/// <summary>Recurrent layers over a whole sequence.</summary>
/// <remarks>
/// <para>Gates stand in the rows of the weights in the order of torch. LSTM: i, f, g, o with c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c').
/// GRU: r, z, n with n = tanh(W_n x + b_n + σ(r) (U_n h + d_n)), h' = (1 - σ(z)) n + σ(z) h.</para>
/// <para>Single precision runs as one node: the input's products for all steps at once, then one fused pass per step; double precision
/// and second derivatives run on the composition of simple operations.</para>
/// </remarks>
public static class Recurrences
{
    /// <summary>The number of gates of a cell: the rows of its weights are that many times H.</summary>
    public static int GateCount(this RecurrentCell cell) => cell switch { RecurrentCell.Gru => 3, RecurrentCell.Lstm => 4, _ => 1 };

    /// <summary>Runs a cell over a sequence.</summary>
    /// <remarks>Shapes: x [T, B, I], T at least 1 -> output [T, B, P] and the state after the last step.</remarks>
    /// <param name="x">The inputs, time first.</param>
    /// <param name="cell">What each step computes.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="state">The state before the first step; null for zeros.</param>
    /// <param name="lengths">The number of real steps of each row, Int32 [B]; null where all have T. Outputs beyond are 0, and the final state is the one after a row's last real step.</param>
    /// <param name="reverse">Whether to walk from each row's end to its beginning.</param>
    /// <exception cref="ArgumentException">Shapes or types do not fit.</exception>
    public static (Tensor Output, RecurrentState Final) Recurrence(this Tensor x, RecurrentCell cell, RecurrentWeights weights, RecurrentState? state = null, Tensor? lengths = null, bool reverse = false)
    {
        (int H, int P) = Check(x, cell, weights, state, lengths);
        int T = x.Shape[0], B = x.Shape[1];
        Tensor h = state?.Hidden ?? Tensor.Zeros([B, P], x.DType);                                  // [B, P]
        Tensor? c = cell == RecurrentCell.Lstm ? state?.Cell ?? Tensor.Zeros([B, H], x.DType) : null; // [B, H]
        Tensor input = x.Linear(weights.Input, weights.InputBias);                                  // [T, B, G H]
        Tensor hidden;
        Tensor? cells;
        if (x.DType == DType.Float32 && weights.Projection is null)
        {
            Tensor states = FusedRecurrence.Run(cell, input, weights.Hidden, weights.HiddenBias, h, c, lengths, reverse); // [1 or 2, T, B, H]
            (hidden, cells) = (states.Select(0, 0), c is null ? null : states.Select(0, 1));        // [T, B, H]
        }
        else
        {
            (hidden, cells) = Composition(cell, input, weights.Hidden, weights.HiddenBias, weights.Projection, h, c, lengths, reverse); // [T, B, P], [T, B, H]
        }
        int last = reverse ? 0 : T - 1;
        RecurrentState final = new(hidden.Select(0, last), cells?.Select(0, last));
        return (lengths is null ? hidden : hidden.MaskedFill(Steps(lengths, T).LogicalNot(), 0), final);
    }

    /// <summary>The states after each step, from simple operations.</summary>
    internal static (Tensor Hidden, Tensor? Cells) Composition(RecurrentCell cell, Tensor input, Tensor weight, Tensor? bias, Tensor? projection, Tensor h, Tensor? c, Tensor? lengths, bool reverse)
    {
        int T = input.Shape[0], H = weight.Shape[0] / cell.GateCount();
        Tensor[] hidden = new Tensor[T], cells = new Tensor[c is null ? 0 : T];
        Tensor? steps = lengths is null ? null : Steps(lengths, T);                 // [T, B, 1]
        for (int s = 0; s < T; s++)
        {
            int t = reverse ? T - 1 - s : s;
            Tensor x = input.Select(0, t), u = h.Linear(weight, bias), next;        // [B, G H]
            Tensor? nextCell = null;
            switch (cell)
            {
                case RecurrentCell.Lstm:
                    Tensor[] gates = (x + u).Split(H, 1);                           // [B, H] each
                    nextCell = gates[1].Sigmoid() * c! + gates[0].Sigmoid() * gates[2].Tanh();
                    next = gates[3].Sigmoid() * nextCell.Tanh();
                    if (projection is not null) next = next.Linear(projection);     // [B, P]
                    break;
                case RecurrentCell.Gru:
                    Tensor[] xs = x.Split(H, 1), us = u.Split(H, 1);                // [B, H] each
                    Tensor z = (xs[1] + us[1]).Sigmoid(), n = (xs[2] + (xs[0] + us[0]).Sigmoid() * us[2]).Tanh();
                    next = n + z * (h - n);
                    break;
                default:
                    next = cell == RecurrentCell.Tanh ? (x + u).Tanh() : (x + u).Relu();
                    break;
            }
            if (steps is not null)
            {
                Tensor real = steps.Select(0, t);                                   // [B, 1]
                next = real.Where(next, h);
                nextCell = nextCell is null ? null : real.Where(nextCell, c!);
            }
            hidden[t] = h = next;
            if (nextCell is not null) cells[t] = c = nextCell;
        }
        return (Tensor.Stack(hidden), c is null ? null : Tensor.Stack(cells));
    }

    // Which steps are real: [T, B, 1].
    private static Tensor Steps(Tensor lengths, int T) => Tensor.Arange(T).Reshape(T, 1, 1).Less(lengths.Reshape(1, lengths.Count, 1));

    private static (int H, int P) Check(Tensor x, RecurrentCell cell, RecurrentWeights weights, RecurrentState? state, Tensor? lengths)
    {
        int gates = cell.GateCount();
        if (x.Rank != 3 || x.Shape[0] == 0) throw new ArgumentException($"Recurrence: x {x.Shape} is not [T, B, I] with at least one step.");
        Tensor w = weights.Input, u = weights.Hidden;
        int H = w.Rank == 2 ? w.Shape[0] / gates : 0, P = weights.Projection is { Rank: 2 } p ? p.Shape[0] : H, B = x.Shape[1];
        if (w.Rank != 2 || w.Shape[0] % gates != 0 || w.Shape[1] != x.Shape[2] || u.Shape != new Shape(gates * H, P))
            throw new ArgumentException($"Recurrence: {cell} weights {w.Shape} and {u.Shape} do not fit x {x.Shape}: [{gates} H, I] and [{gates} H, P] are needed.");
        if (weights.Projection is { } projection && (cell != RecurrentCell.Lstm || projection.Shape != new Shape(P, H)))
            throw new ArgumentException($"Recurrence: projection {projection.Shape} of {cell}; only an LSTM has one, [P, {H}].");
        foreach (Tensor? bias in (ReadOnlySpan<Tensor?>)[weights.InputBias, weights.HiddenBias])
            if (bias is not null && bias.Shape != new Shape(gates * H)) throw new ArgumentException($"Recurrence: bias {bias.Shape} is not [{gates * H}].");
        if (state is { } s && (s.Hidden.Shape != new Shape(B, P) || (cell == RecurrentCell.Lstm && s.Cell?.Shape != new Shape(B, H))))
            throw new ArgumentException($"Recurrence: state {s.Hidden.Shape} and {s.Cell?.Shape.ToString() ?? "none"} do not fit {B} rows: [{B}, {P}]{(cell == RecurrentCell.Lstm ? $" and [{B}, {H}]" : "")} are needed.");
        if (lengths is null) return (H, P);
        if (lengths.DType != DType.Int32 || lengths.Rank != 1 || lengths.Count != B) throw new ArgumentException($"Recurrence: lengths {lengths.DType} {lengths.Shape} are not Int32 [{B}].");
        foreach (int length in lengths.Contiguous().AsSpan<int>())
            if (length < 1 || length > x.Shape[0]) throw new ArgumentException($"Recurrence: length {length} is not from 1 to {x.Shape[0]}.");
        return (H, P);
    }
}
