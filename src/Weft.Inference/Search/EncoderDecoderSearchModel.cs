using Weft.Models.EncoderDecoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Inference.Search;

/// <summary>An encoder-decoder as a search uses it: the texts are read once, and each row remembers what it has written.</summary>
public sealed class EncoderDecoderSearchModel : SearchModel
{
    private readonly EncoderDecoderModel _model;
    private readonly SequenceSettings _settings;
    private readonly EncoderDecoderCache _cache;
    private readonly Tensor _memory; // [B, S, C]

    /// <summary>Reads the texts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="sources">Token ids, all of one length.</param>
    /// <param name="rowsPerSource">How many texts are written side by side for each: the number of beams.</param>
    /// <param name="mask">Which tokens of the sources are real, row after row; null means all.</param>
    /// <exception cref="ArgumentException">The sources are of different lengths, or too long for the model.</exception>
    public EncoderDecoderSearchModel(EncoderDecoderModel model, IReadOnlyList<int[]> sources, int rowsPerSource = 1, bool[]? mask = null)
    {
        int length = GreedySearch.SameLength(sources), count = sources.Count;
        if (mask is not null && mask.Length != count * length) throw new ArgumentException($"EncoderDecoderSearchModel: a mask of {mask.Length} for {count} texts of {length} tokens.");
        _model = model;
        using GradMode.Restorer mode = GradMode.Off();
        Tensor ids = Tensor.From<int>([.. sources.SelectMany(static s => s)], [count, length]);
        Tensor? real = mask is null || Array.TrueForAll(mask, static m => m) ? null : Tensor.From(mask, [count, length]);
        Tensor memory = model.Encode(ids, new SequenceSettings { SourceMask = real });
        int[] rows = [.. Enumerable.Range(0, count * rowsPerSource).Select(i => i / rowsPerSource)];
        _memory = memory.IndexSelect(0, rows);
        _cache = new EncoderDecoderCache(model.Config);
        _settings = new SequenceSettings { Cache = _cache, SourceMask = real?.IndexSelect(0, rows) };
    }

    /// <inheritdoc/>
    public override int VocabularySize => _model.Config.OutputSize;

    /// <inheritdoc/>
    public override double[] Next(ReadOnlySpan<int> ids, int rowCount)
    {
        using GradMode.Restorer mode = GradMode.Off();
        int T = ids.Length / rowCount, read = _cache.Count, fresh = T - read;
        int[] rest = new int[rowCount * fresh];
        for (int b = 0; b < rowCount; b++) ids.Slice(b * T + read, fresh).CopyTo(rest.AsSpan(b * fresh));
        return _model.Decode(Tensor.From(rest, [rowCount, fresh]), _memory, _settings).Select(1, fresh - 1).To(DType.Float64).ToArray<double>(); // [B, V]
    }

    /// <inheritdoc/>
    /// <remarks>Rows that change places must have read the same text, as the beams of one text have.</remarks>
    public override void Reorder(ReadOnlySpan<int> rows) => _cache.Reorder(rows);
}
