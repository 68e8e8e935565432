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

    /// <summary>Rows of ids filled up to one length, and which of them are real.</summary>
    internal static (int[] Ids, bool[]? Mask, int Length) Pad(IReadOnlyList<int[]> rows, int paddingId)
    {
        int length = rows.Max(static r => r.Length);
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
