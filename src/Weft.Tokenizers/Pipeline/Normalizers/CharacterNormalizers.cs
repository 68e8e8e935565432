using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Lower case, character by character with the full mapping (<c>İ</c> gives two characters).</summary>
internal sealed class LowercaseNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        AlignedText.Builder builder = new(text, text.Length);
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            if (rune.Value == 0x130)
            {
                builder.Add(new CharacterEdit('i', 0));
                builder.Add(new CharacterEdit(0x307, 1));
            }
            else
            {
                builder.Add(new CharacterEdit(Rune.ToLowerInvariant(rune).Value, 0));
            }
        }
        return builder.Build();
    }
}

/// <summary>Drops what a predicate names.</summary>
internal sealed class DroppingNormalizer(Func<Rune, bool> drops) : Normalizer
{
    /// <summary>Drops the marks that decomposition has set apart: category Mn.</summary>
    public static DroppingNormalizer NonSpacingMarks { get; } = new(rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark);

    /// <summary>Drops all marks: category M.</summary>
    public static DroppingNormalizer Marks { get; } =
        new(rune => Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark);

    public override AlignedText Normalize(AlignedText text)
    {
        bool any = false;
        foreach (Rune rune in text.Text.EnumerateRunes()) any |= drops(rune);
        if (!any) return text;
        AlignedText.Builder builder = new(text, text.Length);
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            if (drops(rune)) builder.Skip();
            else builder.Keep();
        }
        return builder.Build();
    }
}

/// <summary>Takes white space off the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        int start = 0;
        int end = text.Length;
        while (left && start < end && char.IsWhiteSpace(text.Text[start])) start++;
        while (right && end > start && char.IsWhiteSpace(text.Text[end - 1])) end--;
        return text.Slice(start, end);
    }
}

/// <summary>Puts a text before every text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : Normalizer
{
    public override AlignedText Normalize(AlignedText text) => text.Length == 0 || prefix.Length == 0 ? text : Prepend(text, prefix);

    /// <summary>The text with a prefix that shares the place of the first character.</summary>
    public static AlignedText Prepend(AlignedText text, string prefix)
    {
        AlignedText.Builder builder = new(text, text.Length + prefix.Length);
        Rune.DecodeFromUtf16(text.Text, out Rune first, out int length);
        int change = 0;
        foreach (Rune rune in prefix.EnumerateRunes())
        {
            builder.Add(new CharacterEdit(rune.Value, change));
            change = 1;
        }
        builder.Add(new CharacterEdit(first.Value, 1));
        builder.KeepUntil(text.Length);
        return builder.Build();
    }
}

/// <summary>The control characters and spaces of the "nmt" normalization rules.</summary>
internal sealed class NmtNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        AlignedText.Builder builder = new(text, text.Length);
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case >= 0x01 and <= 0x08 or 0x0B or >= 0x0E and <= 0x1F or 0x7F or 0x8F or 0x9F:
                    builder.Skip();
                    break;
                case 0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or >= 0x200B and <= 0x200F or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD:
                    builder.Add(new CharacterEdit(' ', 0));
                    break;
                default:
                    builder.Keep();
                    break;
            }
        }
        return builder.Build();
    }
}

/// <summary>Spells the UTF-8 bytes of the text in the byte alphabet.</summary>
internal sealed class ByteLevelNormalizer : Normalizer
{
    public override AlignedText Normalize(AlignedText text) => Spell(text);

    /// <summary>The text in the byte alphabet; all bytes of a character share its place.</summary>
    public static AlignedText Spell(AlignedText text)
    {
        AlignedText.Builder builder = new(text, text.Length * 2);
        Span<byte> bytes = stackalloc byte[4];
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            int count = rune.EncodeToUtf8(bytes);
            for (int i = 0; i < count; i++) builder.Add(new CharacterEdit(ByteAlphabet.Character(bytes[i]), i == 0 ? 0 : 1));
        }
        return builder.Build();
    }
}
