namespace Weft.Tokenizers;

/// <summary>Rewrites text before it is cut into pieces.</summary>
internal abstract class Normalizer
{
    /// <summary>The rewritten text; the same object where nothing changes.</summary>
    public abstract AlignedText Normalize(AlignedText text);

    /// <summary>A rewritten string, where its relation to the original is of no interest.</summary>
    public string Normalize(string text) => Normalize(AlignedText.Original(text.AsMemory())).Text.ToString();
}

/// <summary>One normalizer after another.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<Normalizer> parts) : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        foreach (Normalizer part in parts) text = part.Normalize(text);
        return text;
    }
}
