namespace Weft.Tokenizers;

/// <summary>One token with all that is known about it.</summary>
internal readonly record struct EncodedToken(int Id, string Token, int Start, int End)
{
    public int TypeId { get; init; }

    public bool IsSpecial { get; init; }

    public bool IsPadding { get; init; }

    public int? WordId { get; init; }

    public int? SequenceId { get; init; }
}
