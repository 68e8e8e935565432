namespace Weft.Tokenizers;

/// <summary>A part of a parsed pattern.</summary>
internal abstract record PatternNode
{
    /// <summary>One code point out of a set.</summary>
    public sealed record Set(CharacterSet Characters) : PatternNode;

    /// <summary>Parts one after the other; none: the empty text.</summary>
    public sealed record Sequence(IReadOnlyList<PatternNode> Parts) : PatternNode;

    /// <summary>The first of the parts that leads to a match.</summary>
    public sealed record Choice(IReadOnlyList<PatternNode> Parts) : PatternNode;

    /// <summary>A part several times over.</summary>
    public sealed record Repeat(PatternNode Part, int Least, int Most, RepeatKind Kind) : PatternNode;

    /// <summary>Something that must hold at this position and takes no text.</summary>
    public sealed record Assertion(AssertionKind Kind) : PatternNode;

    /// <summary>A part that must, or must not, match here; it takes no text.</summary>
    public sealed record Look(PatternNode Part, bool Behind, bool Negative) : PatternNode;

    /// <summary>A part that keeps its first match: there is no going back into it.</summary>
    public sealed record Atomic(PatternNode Part) : PatternNode;
}

/// <summary>What a repetition tries first, and whether it gives back.</summary>
internal enum RepeatKind { Greedy, Lazy, Possessive }

/// <summary>Conditions on a position.</summary>
internal enum AssertionKind { TextStart, TextEnd, TextEndOrLastLineFeed, LineStart, LineEnd, WordBoundary, NoWordBoundary }
