using Weft.Tokenizers;

namespace Weft.Inference.Encoders;

/// <summary>Texts as an encoder reads them: with the tokens that begin and end a text, cut to the greatest length.</summary>
internal static class TextPieces
{
    private static readonly EncodeOptions s_options = new() { AllowSpecial = true, AddSpecialTokens = true };

    /// <summary>A text's token ids; where it is too long, the last token of all (the end) stays.</summary>
    internal static int[] Encode(Tokenizer tokenizer, string text, int maximum)
    {
        if (tokenizer is PipelineTokenizer pipeline)
            return pipeline.With(new TruncationConfig { MaximumLength = maximum }, null).EncodeWithOffsets(text, null, s_options).Ids;
        int[] ids = tokenizer.Encode(text, s_options);
        return ids.Length <= maximum ? ids : [.. ids[..(maximum - 1)], ids[^1]];
    }

    /// <summary>Rows of ids filled up to one length, and which of them are real; null: all are.</summary>
    /// <param name="rows">The ids.</param>
    /// <param name="paddingId">What fills up.</param>
    /// <param name="maximum">The greatest length. Below it rows of several lengths are filled up to a multiple of eight, so that batches of like length find each other's memory.</param>
    internal static (int[] Ids, bool[]? Mask, int Length) Pad(IReadOnlyList<int[]> rows, int paddingId, int maximum)
    {
        int length = rows.Max(static r => r.Length);
        if (rows.Any(r => r.Length < length)) length = Math.Max(length, Math.Min(maximum, (length + 7) / 8 * 8));
        int[] ids = new int[rows.Count * length];
        bool[] mask = new bool[ids.Length];
        Array.Fill(ids, paddingId);
        for (int b = 0; b < rows.Count; b++)
        {
            rows[b].CopyTo(ids, b * length);
            mask.AsSpan(b * length, rows[b].Length).Fill(true);
        }
        return (ids, rows.All(r => r.Length == length) ? null : mask, length);
    }
}
