namespace Weft.Tokenizers;

/// <summary>Takes the spaces at the ends of byte-level tokens out of their offsets.</summary>
internal sealed class ByteLevelPostProcessor(bool trimOffsets, bool addPrefixSpace) : PostProcessor
{
    public override int AddedCount(bool isPair) => 0;

    public override List<TokenEncoding> Process(List<TokenEncoding> texts, bool addSpecialTokens)
    {
        if (trimOffsets)
            foreach (TokenEncoding text in texts)
            {
                Trim(text);
                foreach (TokenEncoding part in text.OverflowItems) Trim(part);
            }
        return texts;
    }

    private void Trim(TokenEncoding text)
    {
        for (int i = 0; i < text.Items.Count; i++)
        {
            EncodedToken token = text.Items[i];
            int leading = CountSpaces(token.Token, 0, 1);
            int trailing = CountSpaces(token.Token, token.Token.Length - 1, -1);
            (int start, int end) = (token.Start, token.End);
            if (leading > 0)
            {
                // One space before the text was put there, and has no place in it; several are the text's own.
                if (addPrefixSpace && leading == 1 && (i == 0 || start == 0)) leading = 0;
                start = Math.Min(start + leading, end);
            }
            if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
            text.Items[i] = token with { Start = start, End = end };
        }
    }

    private static int CountSpaces(string token, int at, int step)
    {
        int count = 0;
        for (; at >= 0 && at < token.Length && (token[at] == ByteAlphabet.Character((byte)' ') || char.IsWhiteSpace(token[at])); at += step) count++;
        return count;
    }
}
