using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Inference.Search;

/// <summary>A decoder as a search uses it: one key-value cache with a row for each text.</summary>
/// <remarks>
/// Shorter prompts are padded on the left; the mask says where. Where angles change beyond a length (LongRope), the texts are read again
/// once when they grow past it, so that cached and uncached logits agree.
/// </remarks>
public sealed class DecoderSearchModel : SearchModel
{
    private readonly DecoderModel _model;
    private readonly KeyValueCache _cache;
    private readonly int _capacity, _rereadBeyond;
    private readonly bool[]? _promptMask; // [B, T of the prompts]
    private readonly int _promptLength;

    /// <summary>Makes room for texts.</summary>
    /// <param name="model">The decoder.</param>
    /// <param name="rowCount">B: how many texts grow together.</param>
    /// <param name="capacity">The most tokens that a text will have.</param>
    /// <param name="promptMask">Which tokens of the prompts are real, row after row: [B, T]; null means all.</param>
    /// <exception cref="ArgumentException">The mask does not divide into rows.</exception>
    public DecoderSearchModel(DecoderModel model, int rowCount, int capacity, bool[]? promptMask = null)
    {
        if (promptMask is not null && promptMask.Length % rowCount != 0) throw new ArgumentException($"DecoderSearchModel: a mask of {promptMask.Length} for {rowCount} rows.");
        (_model, _capacity) = (model, capacity);
        _cache = new KeyValueCache(model.Config, rowCount, capacity, model.DType);
        _promptMask = promptMask is null || Array.TrueForAll(promptMask, static real => real) ? null : promptMask;
        _promptLength = promptMask is null ? 0 : promptMask.Length / rowCount;
        _rereadBeyond = model.Config.RotaryScaling?.RereadBeyond(model.Config.ContextLength) ?? int.MaxValue;
    }

    /// <inheritdoc/>
    public override int VocabularySize => _model.Config.VocabularySize;

    /// <inheritdoc/>
    public override double[] Next(ReadOnlySpan<int> ids, int rowCount)
    {
        int T = ids.Length / rowCount;
        if (T > _capacity) throw new ArgumentException($"DecoderSearchModel: {T} tokens, but there is room for {_capacity}.");
        if (_cache.Count <= _rereadBeyond && T > _rereadBeyond) _cache.Truncate(0);
        int read = _cache.Count, fresh = T - read;
        int[] rest = new int[rowCount * fresh];
        for (int b = 0; b < rowCount; b++) ids.Slice(b * T + read, fresh).CopyTo(rest.AsSpan(b * fresh));
        using (GradMode.Off())
        using (MemoryScope.Enter())
        {
            (Tensor? mask, Tensor? positions) = Padding(rowCount, T, fresh);
            ForwardSettings settings = new() { Cache = _cache, KeyMask = mask, Positions = positions };
            Tensor hidden = _model.Hidden(Tensor.From(rest, [rowCount, fresh]), settings); // [B, fresh, C]
            return _model.Logits(hidden.Select(1, fresh - 1)).To(DType.Float64).ToArray<double>(); // [B, V]
        }
    }

    /// <inheritdoc/>
    /// <remarks>Rows that change places must have the same padding, as the beams of one text have.</remarks>
    public override void Reorder(ReadOnlySpan<int> rows) => _cache.Reorder(rows);

    // The mask over all T tokens, and the positions of the newest: how many real tokens stand before each.
    private (Tensor? Mask, Tensor? Positions) Padding(int rowCount, int T, int fresh)
    {
        if (_promptMask is null) return (null, null);
        bool[] mask = new bool[rowCount * T];
        int[] positions = new int[rowCount * fresh];
        for (int b = 0; b < rowCount; b++)
        {
            int before = 0;
            for (int t = 0; t < T; t++)
            {
                bool real = mask[b * T + t] = t >= _promptLength || _promptMask[b * _promptLength + t];
                if (t >= T - fresh) positions[b * fresh + t - (T - fresh)] = real ? before : Math.Max(0, before - 1);
                if (real) before++;
            }
        }
        return (Tensor.From(mask, [rowCount, T]), Tensor.From(positions, [rowCount, fresh]));
    }
}
