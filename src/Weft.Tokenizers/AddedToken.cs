namespace Weft.Tokenizers;

/// <summary>A token that is looked for in the text before the model sees it.</summary>
/// <param name="Content">The token as it stands in the text.</param>
/// <param name="Id">Its token id.</param>
public sealed record AddedToken(string Content, int Id)
{
    /// <summary>A control token: recognised only where <see cref="EncodeOptions.AllowSpecial"/> says so, left out by <c>skipSpecial</c>.</summary>
    public bool Special { get; init; } = true;

    /// <summary>Recognised only where no letter, digit or underscore touches it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>The white space before it belongs to it.</summary>
    public bool LeftStrip { get; init; }

    /// <summary>The white space after it belongs to it.</summary>
    public bool RightStrip { get; init; }

    /// <summary>Looked for in the normalized text, not in the text as it was given.</summary>
    public bool Normalized { get; init; }
}
