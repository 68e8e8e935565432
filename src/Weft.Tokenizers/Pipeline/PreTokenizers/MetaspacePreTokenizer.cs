using System.Text;

namespace Weft.Tokenizers;

/// <summary>Where a space is put before the text.</summary>
internal enum PrependScheme { Always, First, Never }

/// <summary>Turns spaces into a visible character, and cuts before each.</summary>
internal sealed class MetaspacePreTokenizer(Rune replacement, PrependScheme scheme, bool split) : PreTokenizer
{
    private readonly string _replacement = replacement.ToString();

    public override void Split(AlignedText piece, List<AlignedText> pieces)
    {
        AlignedText text = new ReplaceNormalizer(TextMatcher.Of(" "), _replacement).Normalize(piece);
        bool prepends = scheme == PrependScheme.Always || (scheme == PrependScheme.First && piece.Origin == 0);
        if (prepends && !text.Text.StartsWith(_replacement, StringComparison.Ordinal)) text = PrependNormalizer.Prepend(text, _replacement);
        if (split) Delimiting.Split(text, Delimiting.Characters(text.Text, rune => rune == replacement), DelimiterBehavior.MergedWithNext, pieces);
        else pieces.Add(text);
    }
}
