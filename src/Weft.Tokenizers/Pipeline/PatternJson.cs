using System.Text;

namespace Weft.Tokenizers;

/// <summary>Reads the small values that several parts of a <c>tokenizer.json</c> share.</summary>
internal static class PatternJson
{
    /// <summary>A pattern: <c>{"String": ..}</c> or <c>{"Regex": ..}</c>.</summary>
    public static TextMatcher ReadMatcher(JsonField field)
    {
        if (!field["String"].IsNull) return TextMatcher.Of(field["String"].String());
        string source = field["Regex"].String();
        try
        {
            return TextMatcher.Of(new Pattern(source));
        }
        catch (FormatException problem)
        {
            throw field["Regex"].Error(problem.Message, problem);
        }
    }

    /// <summary>A string of exactly one character.</summary>
    public static Rune ReadCharacter(JsonField field)
    {
        string text = field.String();
        return Rune.TryGetRuneAt(text, 0, out Rune rune) && rune.Utf16SequenceLength == text.Length
            ? rune
            : throw field.Error($"'{text}' is not one character");
    }

    /// <summary>What happens to delimiters.</summary>
    public static DelimiterBehavior ReadBehavior(JsonField field) => field.String("Isolated") switch
    {
        "Removed" => DelimiterBehavior.Removed,
        "Isolated" or null => DelimiterBehavior.Isolated,
        "MergedWithPrevious" => DelimiterBehavior.MergedWithPrevious,
        "MergedWithNext" => DelimiterBehavior.MergedWithNext,
        "Contiguous" => DelimiterBehavior.Contiguous,
        string other => throw field.Error($"the behavior '{other}' is not known"),
    };

    /// <summary>Where a space is put; older files say only whether.</summary>
    public static PrependScheme ReadPrependScheme(JsonField owner) => owner["prepend_scheme"].String(null) switch
    {
        "always" => PrependScheme.Always,
        "first" => PrependScheme.First,
        "never" => PrependScheme.Never,
        null => owner["add_prefix_space"].Boolean(true) ? PrependScheme.Always : PrependScheme.Never,
        string other => throw owner["prepend_scheme"].Error($"the scheme '{other}' is not known"),
    };

    /// <summary>The error for a part whose type is not known.</summary>
    public static TokenizerFormatException Unknown(JsonField part, string kind) =>
        part["type"].Error($"the {kind} '{part["type"].String()}' is not supported");
}
