using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Cuts at the matches of a text or pattern.</summary>
internal sealed class SplitPreTokenizer(TextMatcher matcher, DelimiterBehavior behavior, bool invert) : PreTokenizer
{
    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        List<(int Start, int End, bool IsMatch)> parts = matcher.Split(piece.Text);
        Delimiting.Split(piece, invert ? Delimiting.Invert(parts) : parts, behavior, pieces);
    }
}

/// <summary>Cuts at single characters.</summary>
internal sealed class CharacterPreTokenizer(Func<Rune, bool> isDelimiter, DelimiterBehavior behavior) : PreTokenizer
{
    /// <summary>Words between white space.</summary>
    public static CharacterPreTokenizer WhitespaceSplit { get; } = new(Rune.IsWhiteSpace, DelimiterBehavior.Removed);

    /// <summary>Runs of digits, or digits one by one, stand alone.</summary>
    public static CharacterPreTokenizer Digits(bool individual) =>
        new(IsNumber, individual ? DelimiterBehavior.Isolated : DelimiterBehavior.Contiguous);

    /// <summary>Punctuation is a delimiter.</summary>
    public static CharacterPreTokenizer Punctuation(DelimiterBehavior behavior) => new(IsPunctuation, behavior);

    public override void Split(AlignedText piece, List<AlignedText> pieces) =>
        Delimiting.Split(piece, Delimiting.Characters(piece.Text, isDelimiter), behavior, pieces);

    /// <summary>Unicode category N.</summary>
    public static bool IsNumber(Rune rune) => CharacterClasses.Classify(rune.Value) == CharacterClass.Number;

    /// <summary>Unicode category P, and every ASCII character that is neither letter, digit, space nor control.</summary>
    public static bool IsPunctuation(Rune rune) => rune.IsAscii
        ? rune.Value is > 32 and < 127 && !char.IsAsciiLetterOrDigit((char)rune.Value)
        : Rune.GetUnicodeCategory(rune) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;
}

/// <summary>Words and runs of everything else, white space left out: <c>\w+|[^\w\s]+</c>.</summary>
internal sealed class WhitespacePreTokenizer : PreTokenizer
{
    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        ReadOnlySpan<char> text = piece.Text;
        int start = 0;
        int kind = 0; // of the run from start: 0 space, 1 word, 2 other
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            int here = Rune.IsWhiteSpace(rune) ? 0 : WordCharacters.Contains(rune.Value) ? 1 : 2;
            if (here != kind)
            {
                if (kind != 0) pieces.Add(piece.Slice(start, at));
                start = at;
                kind = here;
            }
            at += rune.Utf16SequenceLength;
        }
        if (kind != 0) pieces.Add(piece.Slice(start, at));
    }
}

/// <summary>White space left out, punctuation alone.</summary>
internal sealed class BertPreTokenizer : PreTokenizer
{
    private readonly SequencePreTokenizer _steps = new([CharacterPreTokenizer.WhitespaceSplit, CharacterPreTokenizer.Punctuation(DelimiterBehavior.Isolated)]);

    public override void Split(AlignedText piece, List<AlignedText> pieces) => _steps.Split(piece, pieces);
}

/// <summary>Cuts after every so many characters.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        int start = 0;
        int at = 0;
        int count = 0;
        foreach (Rune rune in piece.Text.EnumerateRunes())
        {
            at += rune.Utf16SequenceLength;
            if (++count < length) continue;
            pieces.Add(piece.Slice(start, at));
            start = at;
            count = 0;
        }
        if (at > start) pieces.Add(piece.Slice(start, at));
    }
}

/// <summary>Cuts where the script changes; spaces go with what stands before them.</summary>
internal sealed class ScriptPreTokenizer : PreTokenizer
{
    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        // As the reference does it: white space at the very beginning belongs to no script, and is lost.
        string? last = null;
        int start = -1;
        int at = 0;
        foreach (Rune rune in piece.Text.EnumerateRunes())
        {
            string? script = ScriptOf(rune.Value);
            if (script is not null)
            {
                if (last != script)
                {
                    if (start >= 0) pieces.Add(piece.Slice(start, at));
                    start = at;
                }
                last = script;
            }
            at += rune.Utf16SequenceLength;
        }
        if (start >= 0) pieces.Add(piece.Slice(start, at));
    }

    // Japanese mixes scripts inside words, so kana count as Han; the space and what is not assigned count as any script.
    private static string? ScriptOf(int codePoint)
    {
        if (codePoint == ' ') return null;
        if (codePoint == 0x30FC) return "Han";
        string script = UnicodeScripts.Of(codePoint);
        return script is "Hiragana" or "Katakana" ? "Han" : script == "Unknown" ? null : script;
    }
}
