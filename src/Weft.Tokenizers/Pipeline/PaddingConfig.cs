namespace Weft.Tokenizers;

/// <summary>How encodings are made equally long.</summary>
public sealed record PaddingConfig
{
    /// <summary>The number of tokens to pad to. Default: null, as many as the longest of the batch has.</summary>
    public int? FixedLength { get; init; }

    /// <summary>Rounds the length up to a multiple of this. Default: null, no rounding.</summary>
    public int? MultipleOf { get; init; }

    /// <summary>Whether padding goes before the text, not after it. Default: no.</summary>
    public bool Left { get; init; }

    /// <summary>The padding token's id. Default: 0.</summary>
    public int TokenId { get; init; }

    /// <summary>The padding token's type id. Default: 0.</summary>
    public int TypeId { get; init; }

    /// <summary>The padding token. Default: <c>[PAD]</c>, BERT's.</summary>
    public string Token { get; init; } = "[PAD]";

    /// <summary>Pads all encodings of a batch.</summary>
    internal void Apply(IReadOnlyList<TokenEncoding> batch)
    {
        int length = FixedLength ?? batch.Select(encoding => encoding.Count).DefaultIfEmpty(0).Max();
        if (MultipleOf is int multiple and > 0 && length % multiple != 0) length += multiple - length % multiple;
        EncodedToken padding = new(TokenId, Token, 0, 0) { TypeId = TypeId, IsSpecial = true, IsPadding = true };
        foreach (TokenEncoding encoding in batch) encoding.Pad(length, padding, Left);
    }
}
