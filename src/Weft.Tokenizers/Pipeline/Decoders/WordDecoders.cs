using System.Text;

namespace Weft.Tokenizers;

/// <summary>Joins WordPiece tokens: continuations to what stands before them, words with a space.</summary>
internal sealed class WordPieceDecoder(string prefix, bool cleanup) : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens)
    {
        List<string> result = new(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            string token = tokens[i];
            if (i > 0) token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            result.Add(cleanup ? CleanUp(token) : token);
        }
        return result;
    }

    /// <summary>Takes out the spaces that tokenization put before English punctuation.</summary>
    public static string CleanUp(string text) => text
        .Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal).Replace(" !", "!", StringComparison.Ordinal)
        .Replace(" ,", ",", StringComparison.Ordinal).Replace(" ' ", "'", StringComparison.Ordinal).Replace(" n't", "n't", StringComparison.Ordinal)
        .Replace(" 'm", "'m", StringComparison.Ordinal).Replace(" do not", " don't", StringComparison.Ordinal).Replace(" 's", "'s", StringComparison.Ordinal)
        .Replace(" 've", "'ve", StringComparison.Ordinal).Replace(" 're", "'re", StringComparison.Ordinal);
}

/// <summary>Turns the visible space back into a space, and leaves out the one that was put before the text.</summary>
internal sealed class MetaspaceDecoder(Rune replacement, PrependScheme scheme) : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens)
    {
        List<string> result = new(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
        {
            StringBuilder text = new();
            bool first = true;
            foreach (Rune rune in tokens[i].EnumerateRunes())
            {
                if (rune != replacement) text.Append(rune.ToString());
                else if (i > 0 || !first || scheme == PrependScheme.Never) text.Append(' ');
                first = false;
            }
            result.Add(text.ToString());
        }
        return result;
    }
}

/// <summary>A suffix marks the end of a word: a space, except at the end of the text.</summary>
internal sealed class BytePairDecoder(string suffix) : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens)
    {
        List<string> result = new(tokens.Count);
        for (int i = 0; i < tokens.Count; i++)
            result.Add(suffix.Length == 0 ? tokens[i] : tokens[i].Replace(suffix, i == tokens.Count - 1 ? "" : " ", StringComparison.Ordinal));
        return result;
    }
}

/// <summary>Joins the output of connectionist temporal classification: repetitions and padding are left out.</summary>
internal sealed class CtcDecoder(string padToken, string delimiter, bool cleanup) : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens)
    {
        List<string> result = new(tokens.Count);
        string? previous = null;
        foreach (string token in tokens)
        {
            if (token == previous) continue;
            previous = token;
            string text = token.Replace(padToken, "", StringComparison.Ordinal);
            if (cleanup) text = WordPieceDecoder.CleanUp(text).Replace(delimiter, " ", StringComparison.Ordinal);
            if (text.Length > 0) result.Add(text);
        }
        return result;
    }
}

/// <summary>Takes up to so many characters off the ends of each token.</summary>
internal sealed class StripDecoder(Rune content, int start, int stop) : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens) => tokens.ConvertAll(Strip);

    private string Strip(string token)
    {
        Rune[] runes = [.. token.EnumerateRunes()];
        int from = 0;
        while (from < start && from < runes.Length && runes[from] == content) from++;
        int to = runes.Length;
        for (int i = 0; i < stop && to > from && runes[to - 1] == content; i++) to--;
        return string.Concat(runes[from..to].Select(rune => rune.ToString()));
    }
}
