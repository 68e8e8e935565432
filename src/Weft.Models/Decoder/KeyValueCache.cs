using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Keys and values of the tokens seen so far, so that a new token costs one row instead of a whole text.</summary>
/// <remarks>
/// Per block, keys and values of shape [B, R, G, D]. The R rows that have memory double as texts grow, up to the capacity: a short
/// text does not pay for the longest one. Values do not depend on R. Cached and uncached logits agree up to the order of summation.
/// </remarks>
public sealed class KeyValueCache
{
    // A short answer to a short question: below, copies would cost more than the memory that they save.
    private const int FirstRows = 64;

    private readonly Tensor[] _keys, _values;
    private int _pending;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="config">The model's architecture.</param>
    /// <param name="batch">B: the number of texts that advance together.</param>
    /// <param name="capacity">The most tokens that it can hold; 0 means the context length.</param>
    /// <param name="dtype">The model's element type.</param>
    public KeyValueCache(DecoderConfig config, int batch = 1, int capacity = 0, DType dtype = DType.Float32)
    {
        Capacity = capacity == 0 ? config.ContextLength : capacity;
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        int heads = config.Latent is null ? config.ResolvedKeyValueHeadCount : config.HeadCount;
        int rows = Math.Min(Capacity, FirstRows);
        Shape keys = [batch, rows, heads, config.Latent?.HeadSize ?? config.ResolvedHeadSize]; // [B, R, G, D]
        Shape values = [batch, rows, heads, config.Latent?.ValueSize ?? config.ResolvedHeadSize];
        _keys = new Tensor[config.BlockCount];
        _values = new Tensor[config.BlockCount];
        for (int l = 0; l < config.BlockCount; l++) (_keys[l], _values[l]) = (Tensor.Zeros(keys, dtype), Tensor.Zeros(values, dtype));
    }

    /// <summary>The most tokens that fit.</summary>
    public int Capacity { get; }

    /// <summary>S: the number of tokens held.</summary>
    public int Count { get; private set; }

    /// <summary>The memory taken so far, in bytes.</summary>
    public long Bytes => _keys.Concat(_values).Sum(static k => (long)k.Count * k.DType.SizeInBytes());

    /// <summary>The memory that as many tokens as fit will take, in bytes.</summary>
    public long CapacityBytes => Bytes / _keys[0].Shape[1] * Capacity;

    /// <summary>Forgets every token after the first <paramref name="count"/>.</summary>
    public void Truncate(int count)
    {
        if (count < 0 || count > Count) throw new ArgumentOutOfRangeException(nameof(count), $"KeyValueCache: cannot keep {count} of {Count} tokens.");
        Count = count;
    }

    /// <summary>Makes row b hold what row <paramref name="rows"/>[b] held: the texts of a beam search go on from one another.</summary>
    /// <exception cref="ArgumentException">There is not one entry per row.</exception>
    public void Reorder(ReadOnlySpan<int> rows)
    {
        if (rows.Length != _keys[0].Shape[0]) throw new ArgumentException($"KeyValueCache: {rows.Length} rows for a batch of {_keys[0].Shape[0]}.");
        if (Count == 0) return;
        foreach (Tensor all in _keys.Concat(_values))
        {
            Tensor held = all.Narrow(1, 0, Count);                                  // [B, S, G, D]
            held.CopyFrom(held.IndexSelect(0, rows));
        }
    }

    /// <summary>Adds a block's keys and values of new tokens and returns those of all. Shapes: [B, T, G, D] -> [B, S + T, G, D].</summary>
    internal (Tensor Keys, Tensor Values) Append(int block, Tensor keys, Tensor values)
    {
        int added = keys.Shape[1];
        if (Count + added > Capacity) throw new InvalidOperationException($"KeyValueCache: {Count} + {added} tokens do not fit into {Capacity}.");
        _pending = added;
        Reserve(ref _keys[block], Count + added);
        Reserve(ref _values[block], Count + added);
        return (Write(_keys[block], keys, added), Write(_values[block], values, added));
    }

    /// <summary>Counts the tokens that every block has appended.</summary>
    internal void Advance()
    {
        Count += _pending;
        _pending = 0;
    }

    // At least twice as many rows, so that a text of S tokens is copied less than S rows in all.
    private void Reserve(ref Tensor all, int needed)
    {
        if (needed <= all.Shape[1]) return;
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        int rows = (int)Math.Min(Capacity, Math.Max(needed, 2L * all.Shape[1]));
        Tensor larger = Tensor.Zeros([all.Shape[0], rows, all.Shape[2], all.Shape[3]], all.DType); // [B, R, G, D]
        if (Count > 0) larger.Narrow(1, 0, Count).CopyFrom(all.Narrow(1, 0, Count));
        all = larger;
    }

    private Tensor Write(Tensor all, Tensor rows, int added)
    {
        all.Narrow(1, Count, added).CopyFrom(rows.Detach());
        return all.Narrow(1, 0, Count + added);
    }
}
