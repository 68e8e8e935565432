using Weft.Tensors;

namespace Weft.Models.StateSpace;

/// <summary>All that a state-space model keeps of a text: per block the last inputs of the convolution and the states, whatever the text's length.</summary>
public sealed class StateSpaceCache
{
    private readonly Tensor?[] _inputs, _states;

    /// <summary>Makes an empty cache.</summary>
    public StateSpaceCache(StateSpaceConfig config) => (_inputs, _states) = (new Tensor?[config.BlockCount], new Tensor?[config.BlockCount]);

    /// <summary>The number of tokens seen.</summary>
    public int Count { get; internal set; }

    /// <summary>The last K inputs of a block's convolution, newest last: [B, channels, K]; null before the first token.</summary>
    public Tensor? Inputs(int block) => _inputs[block];

    /// <summary>A block's states: [B, I, N], in Mamba 2 [B, H, I / H, N]; null before the first token.</summary>
    public Tensor? States(int block) => _states[block];

    /// <summary>Keeps rows in another order; a row that is named twice goes on as two texts.</summary>
    public void Reorder(ReadOnlySpan<int> rows)
    {
        foreach (Tensor?[] kept in (Tensor?[][])[_inputs, _states])
            for (int l = 0; l < kept.Length; l++) kept[l] = kept[l]?.IndexSelect(0, rows);
    }

    internal void Set(int block, Tensor inputs, Tensor states) => (_inputs[block], _states[block]) = (inputs, states);
}
