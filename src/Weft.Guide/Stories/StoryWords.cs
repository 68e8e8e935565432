using System.Text;

namespace Weft.Guide.Stories;

/// <summary>Cuts a story into words and puts words back together.</summary>
/// <remarks>
/// A word is what GPT-2's pre-tokenizer calls a piece, without the space before it: a run of letters, an apostrophe with the letters that
/// follow, a run of digits, a run of other characters (so <c>,"</c> is one word), or a line end. A byte-level BPE never merges across these
/// pieces, so a tokenizer's token count of a story is a sum over its words.
/// </remarks>
internal static class StoryWords
{
    /// <summary>The word that ends a story.</summary>
    public const string LineEnd = "\n";

    /// <summary>Whether a story writes a space before <paramref name="word"/> when it follows <paramref name="previous"/>.</summary>
    public static bool HasSpace(string? previous, string word) =>
        previous is not null and not "\"" and not LineEnd && word != LineEnd && !IsClosing(word);

    /// <summary>Whether a sentence may end with this word.</summary>
    public static bool EndsSentence(string word) => word is "." or "!" or "?" or ".\"" or "!\"" or "?\"";

    /// <summary>Whether a sentence may begin with this word.</summary>
    public static bool BeginsSentence(string word) => word == "\"" || char.IsUpper(word[0]);

    public static string Join(IEnumerable<string> words)
    {
        StringBuilder text = new();
        string? previous = null;
        foreach (string word in words)
        {
            if (HasSpace(previous, word)) text.Append(' ');
            text.Append(word);
            previous = word;
        }
        return text.ToString();
    }

    /// <summary>Cuts text into words. A word whose spacing is not the one that <see cref="Join"/> writes keeps its spaces, so that it equals no word of the language.</summary>
    public static List<string> Split(ReadOnlySpan<char> text, bool ruled = true)
    {
        List<string> words = [];
        int i = 0;
        while (i < text.Length)
        {
            int start = i;
            while (i < text.Length && text[i] is ' ' or '\t') i++;
            int wordStart = i;
            if (i < text.Length) i += RunLength(text[i..]);
            if (wordStart == i) break; // only spaces were left

            string word = text[wordStart..i].ToString();
            int spaces = wordStart - start;
            // An opening quotation mark is told from a closing one by the space before it; a lone closing one does not occur.
            bool asRuled = spaces == (HasSpace(words.Count == 0 ? null : words[^1], word) ? 1 : 0);
            words.Add(asRuled || !ruled ? word : text[start..i].ToString());
        }
        return words;
    }

    private static int RunLength(ReadOnlySpan<char> text)
    {
        if (text[0] == '\n') return 1;
        if (text[0] == '\'' && text.Length > 1 && char.IsLetter(text[1])) return 1 + While(text[1..], char.IsLetter);
        if (char.IsLetter(text[0])) return While(text, char.IsLetter);
        if (char.IsDigit(text[0])) return While(text, char.IsDigit);
        return While(text, static c => !char.IsLetterOrDigit(c) && c is not ' ' and not '\t' and not '\n');
    }

    private static int While(ReadOnlySpan<char> text, Func<char, bool> test)
    {
        int count = 0;
        while (count < text.Length && test(text[count])) count++;
        return count;
    }

    private static bool IsClosing(string word) => word[0] is '.' or ',' or '!' or '?' or ';' or ':' or '\'';
}
