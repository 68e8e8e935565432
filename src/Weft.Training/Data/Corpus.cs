using System.Security.Cryptography;
using System.Runtime.InteropServices;

namespace Weft.Training.Data;

/// <summary>What a run learns from and what it is measured on, as tokens.</summary>
public sealed record Corpus
{
    private readonly Func<int, ulong, TokenBatches> _batches;
    private readonly int[] _heldOut;
    private readonly int[][]? _heldOutDocuments;

    private Corpus(Func<int, ulong, TokenBatches> batches, int[] heldOut, int[][]? heldOutDocuments, string description, string fingerprint)
    {
        (_batches, _heldOut, _heldOutDocuments) = (batches, heldOut, heldOutDocuments);
        (Description, Fingerprint) = (description, fingerprint);
    }

    /// <summary>What it is, in a few words.</summary>
    public string Description { get; }

    /// <summary>A hash of all tokens: a resumed run must have the same.</summary>
    public string Fingerprint { get; }

    /// <summary>The source's own loss on the held-out rows in nats per token, where it is known: no model can be expected to go below.</summary>
    public double? EntropyFloor { get; init; }

    /// <summary>UTF-8 bytes per held-out token, for bits per byte; null where it is not known.</summary>
    public double? BytesPerToken { get; init; }

    /// <summary>One long text: training windows begin anywhere, held-out ones follow each other.</summary>
    public static Corpus FromText(int[] training, int[] heldOut, string description) =>
        new((context, seed) => new RandomWindows(training, context, seed), heldOut, null, description, Hash([training, heldOut]));

    /// <summary>Documents, each with the tokens that begin and end it: one per row.</summary>
    public static Corpus FromDocuments(int[][] training, int[][] heldOut, string description) =>
        new((_, seed) => new DocumentRows(training, seed), [], heldOut, description, Hash([.. training, .. heldOut]));

    /// <summary>The batches to learn from.</summary>
    public TokenBatches Training(int contextLength, ulong seed) => _batches(contextLength, seed);

    /// <summary>The rows to measure on, each at most T + 1 tokens: every held-out token is predicted once.</summary>
    public IReadOnlyList<ReadOnlyMemory<int>> HeldOutRows(int contextLength)
    {
        List<ReadOnlyMemory<int>> rows = [];
        if (_heldOutDocuments is not null)
        {
            foreach (int[] document in _heldOutDocuments) rows.Add(document.AsMemory(0, Math.Min(document.Length, contextLength + 1)));
            return rows;
        }
        for (int start = 0; start < _heldOut.Length - 1; start += contextLength)
            rows.Add(_heldOut.AsMemory(start, Math.Min(contextLength + 1, _heldOut.Length - start)));
        return rows;
    }

    private static string Hash(IEnumerable<int[]> parts)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int[] part in parts) hash.AppendData(MemoryMarshal.AsBytes(part.AsSpan()));
        return Convert.ToHexString(hash.GetCurrentHash().AsSpan(0, 16));
    }
}
