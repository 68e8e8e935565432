namespace Weft.Tokenizers;

/// <summary>Which kind of vocabulary a training aims at, and how large.</summary>
public abstract record VocabularyConfig
{
    private protected VocabularyConfig()
    {
    }

    /// <summary>The number of tokens, special ones included. Default: 30,000, as in Hugging Face's trainers.</summary>
    public int VocabularySize { get; init; } = 30_000;

    /// <summary>What occurs less often gets no token. Default: 0, as in Hugging Face's trainers.</summary>
    public long MinimumFrequency { get; init; }

    /// <summary>Tokens that get the first ids. Default: none.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>Checks that the values fit together.</summary>
    /// <exception cref="ArgumentException">One does not; the message names it.</exception>
    public virtual void Validate()
    {
        if (VocabularySize <= SpecialTokens.Count) throw new ArgumentException($"VocabularySize {VocabularySize} must be more than the {SpecialTokens.Count} special tokens.");
        if (MinimumFrequency < 0) throw new ArgumentException($"MinimumFrequency {MinimumFrequency} must not be negative.");
        if (SpecialTokens.Any(string.IsNullOrEmpty)) throw new ArgumentException("SpecialTokens must not hold an empty token.");
        if (SpecialTokens.Distinct(StringComparer.Ordinal).Count() < SpecialTokens.Count) throw new ArgumentException("SpecialTokens must not hold a token twice.");
    }
}

/// <summary>A vocabulary that grows by merges from an alphabet: BPE and WordPiece.</summary>
public abstract record MergedVocabularyConfig : VocabularyConfig
{
    private protected MergedVocabularyConfig()
    {
    }

    /// <summary>Characters that are in the alphabet whether or not the corpus has them; of a longer text the first one counts.</summary>
    public IReadOnlyList<string> InitialAlphabet { get; init; } = [];

    /// <summary>The most characters in the alphabet; the rarest go. Default: null, no limit.</summary>
    public int? AlphabetLimit { get; init; }

    /// <summary>Put before every token that does not begin a word. Default: none for BPE, <c>##</c> for WordPiece.</summary>
    public string ContinuingPrefix { get; init; } = "";

    /// <summary>Put after every token that ends a word. Default: none.</summary>
    public string EndOfWordSuffix { get; init; } = "";

    /// <summary>A merge is made only if its token has fewer characters than this. Default: null, no limit.</summary>
    public int? MaximumTokenLength { get; init; }
}

/// <summary>Byte-pair encoding over whatever characters the pipeline gives, which may spell bytes.</summary>
public sealed record BytePairVocabularyConfig : MergedVocabularyConfig
{
    /// <summary>For characters that are not in the alphabet. Default: null, they are left out.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>Neighbouring unknown characters are one unknown token. Default: no.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>Unknown characters become the tokens of their bytes, which are special tokens <c>&lt;0x00&gt;</c> and so on. Default: no.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>The 256 characters that spell bytes, as an initial alphabet.</summary>
    public static IReadOnlyList<string> ByteLevelAlphabet { get; } = [.. ByteAlphabet.InCodePointOrder().Select(value => ByteAlphabet.Character(value).ToString())];
}

/// <summary>WordPiece, learned by merges as in Hugging Face's trainer.</summary>
public sealed record WordPieceVocabularyConfig : MergedVocabularyConfig
{
    /// <summary>The defaults of WordPiece.</summary>
    public WordPieceVocabularyConfig() => ContinuingPrefix = "##";

    /// <summary>For words that the vocabulary cannot spell; one of the special tokens. Default: <c>[UNK]</c>, BERT's.</summary>
    public string UnknownToken { get; init; } = "[UNK]";

    /// <summary>Words of more characters are unknown. Default: 100, BERT's.</summary>
    public int LongestWord { get; init; } = 100;
}

/// <summary>One token for each frequent word.</summary>
public sealed record WordLevelVocabularyConfig : VocabularyConfig
{
    /// <summary>For all other words; one of the special tokens. Default: <c>&lt;unk&gt;</c>.</summary>
    public string UnknownToken { get; init; } = "<unk>";
}

/// <summary>A Unigram language model.</summary>
public sealed record UnigramVocabularyConfig : VocabularyConfig
{
    /// <summary>The defaults of a Unigram model.</summary>
    public UnigramVocabularyConfig() => VocabularySize = 8_000;

    /// <summary>For characters that are not in the vocabulary. Default: null, they are an error.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>Characters that are in the vocabulary whether or not the corpus has them.</summary>
    public IReadOnlyList<string> InitialAlphabet { get; init; } = [];

    /// <summary>The share of pieces that one round of pruning keeps. Default: 0.75, SentencePiece's.</summary>
    public double ShrinkingFactor { get; init; } = 0.75;

    /// <summary>Steps of expectation maximization between two prunings. Default: 2, SentencePiece's.</summary>
    public int SubIterationCount { get; init; } = 2;

    /// <summary>The most characters in a piece. Default: 16, SentencePiece's.</summary>
    public int MaximumPieceLength { get; init; } = 16;

    /// <summary>The most pieces to begin with. Default: 1,000,000, SentencePiece's.</summary>
    public int SeedSize { get; init; } = 1_000_000;

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        if (ShrinkingFactor is <= 0 or >= 1) throw new ArgumentException($"ShrinkingFactor {ShrinkingFactor} must be between 0 and 1.");
        if (SubIterationCount < 1) throw new ArgumentException($"SubIterationCount {SubIterationCount} must be at least 1.");
        if (MaximumPieceLength < 1) throw new ArgumentException($"MaximumPieceLength {MaximumPieceLength} must be at least 1.");
    }
}
