namespace Weft.Tokenizers;

/// <summary>Puts the tokens around one or two texts that the model expects.</summary>
internal abstract class PostProcessor
{
    /// <summary>How many tokens are added.</summary>
    public abstract int AddedCount(bool isPair);

    /// <summary>The parts, in order, that make up the whole.</summary>
    public abstract List<TokenEncoding> Process(List<TokenEncoding> texts, bool addSpecialTokens);

    /// <summary>Joins one or two texts, with a post-processor or without.</summary>
    public static TokenEncoding Run(PostProcessor? processor, TokenEncoding first, TokenEncoding? second, bool addSpecialTokens)
    {
        List<TokenEncoding> texts = second is null ? [first] : [first, second];
        for (int i = 0; i < texts.Count; i++)
        {
            int sequence = i;
            texts[i].ChangeAll(token => token with { SequenceId = sequence, TypeId = sequence });
        }
        if (processor is not null) texts = processor.Process(texts, addSpecialTokens);
        TokenEncoding whole = new([]);
        if (texts.Count > 0) whole = texts[0];
        foreach (TokenEncoding part in texts.Skip(1)) whole.Append(part);
        return whole;
    }
}

/// <summary>One post-processor after another.</summary>
internal sealed class SequencePostProcessor(IReadOnlyList<PostProcessor> parts) : PostProcessor
{
    public override int AddedCount(bool isPair) => parts.Sum(part => part.AddedCount(isPair));

    public override List<TokenEncoding> Process(List<TokenEncoding> texts, bool addSpecialTokens)
    {
        foreach (PostProcessor part in parts) texts = part.Process(texts, addSpecialTokens);
        return texts;
    }
}
