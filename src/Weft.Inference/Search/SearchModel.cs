namespace Weft.Inference.Search;

/// <summary>What a search asks of a model: how likely each token is next, for several texts that grow together.</summary>
/// <remarks>A model remembers what it has read of each row, so that a step costs one token per row.</remarks>
public abstract class SearchModel
{
    /// <summary>V: the number of token ids.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The logits of the next token of every row, row after row: [B, V].</summary>
    /// <param name="ids">The rows so far, all of one length, row after row: [B, T]. Each continues what was given before, after any reordering.</param>
    /// <param name="rowCount">B, the same in every call.</param>
    /// <exception cref="ArgumentException">There are more tokens than the model can hold.</exception>
    public abstract double[] Next(ReadOnlySpan<int> ids, int rowCount);

    /// <summary>From now on row b continues what row <paramref name="rows"/>[b] was.</summary>
    public abstract void Reorder(ReadOnlySpan<int> rows);
}
