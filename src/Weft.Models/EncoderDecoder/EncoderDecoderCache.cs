using Weft.Tensors;

namespace Weft.Models.EncoderDecoder;

/// <summary>What a decoder keeps of its texts: keys and values of the tokens written so far, and those of what was read.</summary>
public sealed class EncoderDecoderCache
{
    private readonly (Tensor Keys, Tensor Values)?[] _written, _read;

    /// <summary>Makes an empty cache.</summary>
    public EncoderDecoderCache(EncoderDecoderConfig config) => (_written, _read) = (new (Tensor, Tensor)?[config.DecoderBlockCount], new (Tensor, Tensor)?[config.DecoderBlockCount]);

    /// <summary>The number of tokens written so far.</summary>
    public int Count { get; private set; }

    /// <summary>Keeps rows in another order; a row that is named twice goes on as two texts.</summary>
    public void Reorder(ReadOnlySpan<int> rows)
    {
        for (int l = 0; l < _written.Length; l++)
        {
            _written[l] = Pick(_written[l], rows);
            _read[l] = Pick(_read[l], rows);
        }
    }

    // Adds the keys and values of new tokens, [B, T, H, D], and returns those of all.
    internal (Tensor Keys, Tensor Values) Append(int block, Tensor keys, Tensor values)
    {
        if (_written[block] is { } before) (keys, values) = (Tensor.Concat([before.Keys, keys], 1), Tensor.Concat([before.Values, values], 1));
        _written[block] = (keys, values);
        return (keys, values);
    }

    // Those of what was read are computed once.
    internal (Tensor Keys, Tensor Values) OfMemory(int block, Func<(Tensor, Tensor)> compute) => _read[block] ??= compute();

    internal void Advance(int count) => Count += count;

    private static (Tensor, Tensor)? Pick((Tensor Keys, Tensor Values)? pair, ReadOnlySpan<int> rows) =>
        pair is { } both ? (both.Keys.IndexSelect(0, rows), both.Values.IndexSelect(0, rows)) : null;
}
