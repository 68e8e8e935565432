namespace Weft.Tokenizers;

/// <summary>NFC, NFD, NFKC, NFKD.</summary>
internal sealed class UnicodeNormalizer(bool compatibility, bool compose) : Normalizer
{
    public override AlignedText Normalize(AlignedText text) =>
        UnicodeNormalization.IsAscii(text.Text) ? text : text.Apply(UnicodeNormalization.Normalize(text.Text, compatibility, compose));
}
