using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>BERT's rules: clean, set Chinese characters apart, strip accents, lower case.</summary>
internal sealed class BertNormalizer : Normalizer
{
    private readonly List<Normalizer> _steps = [];

    /// <param name="cleanText">Drops controls and turns white space into spaces.</param>
    /// <param name="handleChineseCharacters">Puts spaces around Chinese characters.</param>
    /// <param name="stripAccents">Decomposes and drops marks; null: as <paramref name="lowercase"/> says.</param>
    /// <param name="lowercase">Lower case.</param>
    public BertNormalizer(bool cleanText, bool handleChineseCharacters, bool? stripAccents, bool lowercase)
    {
        if (cleanText) _steps.Add(new CleanTextNormalizer());
        if (handleChineseCharacters) _steps.Add(new ChineseCharacterNormalizer());
        if (stripAccents ?? lowercase)
        {
            _steps.Add(new UnicodeNormalizer(compatibility: false, compose: false));
            _steps.Add(DroppingNormalizer.NonSpacingMarks);
        }
        if (lowercase) _steps.Add(new LowercaseNormalizer());
    }

    public override AlignedText Normalize(AlignedText text)
    {
        foreach (Normalizer step in _steps) text = step.Normalize(text);
        return text;
    }

    private sealed class CleanTextNormalizer : Normalizer
    {
        public override AlignedText Normalize(AlignedText text)
        {
            AlignedText.Builder builder = new(text, text.Length);
            foreach (Rune rune in text.Text.EnumerateRunes())
            {
                if (rune.Value is 0 or 0xFFFD || IsControl(rune)) builder.Skip();
                else if (Rune.IsWhiteSpace(rune)) builder.Add(new CharacterEdit(' ', 0));
                else builder.Keep();
            }
            return builder.Build();
        }

        private static bool IsControl(Rune rune) => rune.Value is not ('\t' or '\n' or '\r')
            && Rune.GetUnicodeCategory(rune) is (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse);
    }

    private sealed class ChineseCharacterNormalizer : Normalizer
    {
        public override AlignedText Normalize(AlignedText text)
        {
            AlignedText.Builder builder = new(text, text.Length + 16);
            foreach (Rune rune in text.Text.EnumerateRunes())
            {
                if (!IsChinese(rune.Value))
                {
                    builder.Keep();
                    continue;
                }
                builder.Add(new CharacterEdit(' ', 0));
                builder.Add(new CharacterEdit(rune.Value, 1));
                builder.Add(new CharacterEdit(' ', 1));
            }
            return builder.Build();
        }

        // The blocks of CJK Unified Ideographs that BERT's own tokenizer names.
        private static bool IsChinese(int codePoint) => codePoint is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF
            or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B920 and <= 0x2CEAF
            or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
    }
}
