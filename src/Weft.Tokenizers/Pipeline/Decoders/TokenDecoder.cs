namespace Weft.Tokenizers;

/// <summary>Turns the tokens of a text back into text.</summary>
internal abstract class TokenDecoder
{
    /// <summary>Rewrites a chain of tokens; the last decoder's chain, joined, is the text.</summary>
    public abstract List<string> Rewrite(List<string> tokens);

    /// <summary>The text.</summary>
    public string Decode(List<string> tokens) => string.Concat(Rewrite(tokens));
}

/// <summary>One decoder after another.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<TokenDecoder> parts) : TokenDecoder
{
    /// <summary>The decoders.</summary>
    public IReadOnlyList<TokenDecoder> Parts => parts;

    public override List<string> Rewrite(List<string> tokens)
    {
        foreach (TokenDecoder part in parts) tokens = part.Rewrite(tokens);
        return tokens;
    }
}

/// <summary>Joins all tokens into one.</summary>
internal sealed class FuseDecoder : TokenDecoder
{
    public override List<string> Rewrite(List<string> tokens) => [string.Concat(tokens)];
}

/// <summary>Puts a text in the place of every match, token by token.</summary>
internal sealed class ReplaceDecoder(TextMatcher matcher, string content) : TokenDecoder
{
    private readonly ReplaceNormalizer _replace = new(matcher, content);

    public override List<string> Rewrite(List<string> tokens) => tokens.ConvertAll(_replace.Replace);
}
