namespace Weft.Tokenizers;

/// <summary>What encoding does with special tokens.</summary>
public sealed record EncodeOptions
{
    /// <summary>Special tokens in the text are ordinary text, and none are added: the right choice for what a user typed.</summary>
    public static EncodeOptions Default { get; } = new();

    /// <summary>Special tokens in the text are recognised: the right choice for the text of a chat template.</summary>
    public static EncodeOptions Special { get; } = new() { AllowSpecial = true };

    /// <summary>Whether <c>&lt;|endoftext|&gt;</c> and its like in the text become their token. Default: no.</summary>
    public bool AllowSpecial { get; init; }

    /// <summary>Whether the tokens that the model expects around a text, such as <c>[CLS]</c> and <c>[SEP]</c>, are added. Default: no.</summary>
    public bool AddSpecialTokens { get; init; }
}
