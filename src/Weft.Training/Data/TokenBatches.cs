using Weft.Tensors;

namespace Weft.Training.Data;

/// <summary>Where a training run's batches come from.</summary>
/// <remarks>
/// The batch of a micro-step is a pure function of the seed and of the micro-step's index: nothing has to be saved to resume, and
/// a resumed run sees exactly what an uninterrupted one would have seen.
/// </remarks>
public abstract class TokenBatches
{
    /// <summary>The number of tokens to learn from.</summary>
    public abstract long TokenCount { get; }

    /// <summary>Fills a batch for a micro-step.</summary>
    public abstract void Fill(long microStep, TokenBatch batch);
}

/// <summary>Windows that begin at random places of one long text.</summary>
public sealed class RandomWindows : TokenBatches
{
    // A window start takes one 32-bit draw, rarely more; 2^16 draws are kept free for each micro-step.
    private const ulong DrawsPerMicroStep = 1 << 16;
    private readonly int[] _tokens;
    private readonly RandomGenerator _generator;

    /// <summary>Draws windows from a text.</summary>
    /// <exception cref="ArgumentException">The text is shorter than one window and its next token.</exception>
    public RandomWindows(int[] tokens, int contextLength, ulong seed)
    {
        if (tokens.Length < contextLength + 1)
            throw new ArgumentException($"The training text has {tokens.Length} tokens, but a window needs {contextLength + 1}: use a longer text or a contextLength of at most {Math.Max(0, tokens.Length - 1)}.");
        _tokens = tokens;
        _generator = new RandomGenerator(seed, stream: 1);
    }

    /// <inheritdoc/>
    public override long TokenCount => _tokens.Length;

    /// <inheritdoc/>
    public override void Fill(long microStep, TokenBatch batch)
    {
        _generator.Position = (ulong)microStep * DrawsPerMicroStep;
        int T = batch.Length;
        for (int b = 0; b < batch.BatchSize; b++) batch.SetRow(b, _tokens.AsSpan(_generator.NextInt32(_tokens.Length - T), T + 1));
    }
}

/// <summary>Whole documents, one per row, in a new random order each epoch.</summary>
/// <remarks>A document longer than a row is cut; what a short one leaves of its row does not count. Every document is seen once per epoch.</remarks>
public sealed class DocumentRows : TokenBatches
{
    private readonly int[][] _documents;
    private readonly int[] _order;
    private readonly ulong _seed;
    private long _shuffledEpoch = -1;

    /// <summary>Takes documents, each with the tokens that begin and end it.</summary>
    /// <exception cref="ArgumentException">There are none, or one has fewer than two tokens.</exception>
    public DocumentRows(int[][] documents, ulong seed)
    {
        if (documents.Length == 0) throw new ArgumentException("There are no documents to train on.");
        if (Array.Find(documents, static d => d.Length < 2) is not null) throw new ArgumentException("A document needs at least two tokens.");
        _documents = documents;
        _order = new int[documents.Length];
        _seed = seed;
        TokenCount = documents.Sum(static d => (long)d.Length);
    }

    /// <inheritdoc/>
    public override long TokenCount { get; }

    /// <inheritdoc/>
    public override void Fill(long microStep, TokenBatch batch)
    {
        for (int b = 0; b < batch.BatchSize; b++)
        {
            (long epoch, long index) = Math.DivRem(microStep * batch.BatchSize + b, _documents.Length);
            Shuffle(epoch);
            int[] document = _documents[_order[index]];
            batch.SetRow(b, document.AsSpan(0, Math.Min(document.Length, batch.Length + 1)));
        }
    }

    private void Shuffle(long epoch)
    {
        if (epoch == _shuffledEpoch) return;
        for (int i = 0; i < _order.Length; i++) _order[i] = i;
        new RandomGenerator(_seed + (ulong)epoch, stream: 2).Shuffle(_order.AsSpan());
        _shuffledEpoch = epoch;
    }
}
