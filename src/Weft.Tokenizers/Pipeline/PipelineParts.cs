namespace Weft.Tokenizers;

/// <summary>The parts of a <c>tokenizer.json</c>; absent ones are null.</summary>
internal sealed record PipelineParts(
    Normalizer? Normalizer, PreTokenizer? PreTokenizer, TokenModel Model, PostProcessor? PostProcessor, TokenDecoder? Decoder,
    IReadOnlyList<AddedToken> AddedTokens, TruncationConfig? Truncation, PaddingConfig? Padding);
