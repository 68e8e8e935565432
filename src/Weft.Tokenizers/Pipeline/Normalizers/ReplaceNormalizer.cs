using System.Text;

namespace Weft.Tokenizers;

/// <summary>Puts a text in the place of every match.</summary>
internal sealed class ReplaceNormalizer(TextMatcher matcher, string content) : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        List<(int Start, int End, bool IsMatch)> parts = matcher.Split(text.Text);
        if (!parts.Exists(part => part.IsMatch)) return text;
        AlignedText.Builder builder = new(text, text.Length);
        foreach ((_, int end, bool isMatch) in parts)
        {
            if (!isMatch)
            {
                builder.KeepUntil(end);
                continue;
            }
            // The reference gives all of the new text the place of the last character that it replaces.
            builder.SkipUntil(end);
            foreach (Rune rune in content.EnumerateRunes()) builder.Add(new CharacterEdit(rune.Value, 1));
        }
        return builder.Build();
    }

    /// <summary>A string with every match replaced.</summary>
    public string Replace(string text)
    {
        List<(int Start, int End, bool IsMatch)> parts = matcher.Split(text);
        if (!parts.Exists(part => part.IsMatch)) return text;
        StringBuilder result = new();
        foreach ((int start, int end, bool isMatch) in parts) result.Append(isMatch ? content : text.AsSpan(start, end - start));
        return result.ToString();
    }
}
