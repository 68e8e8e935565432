namespace Weft.Tokenizers;

/// <summary>Turns text into token ids and token ids into text.</summary>
/// <remarks>
/// Every tokenizer is immutable once it is made and may be used by any number of threads. Text that a user typed never becomes a
/// special token unless <see cref="EncodeOptions.AllowSpecial"/> asks for it. A lone surrogate counts as U+FFFD.
/// </remarks>
public abstract class Tokenizer
{
    /// <summary>One more than the largest token id: the number of rows that an embedding table needs.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The tokens that stand beside the learned vocabulary, such as <c>&lt;|endoftext|&gt;</c>, by ascending id.</summary>
    public abstract IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>The token that ends a document: the one that the files declare, else the one of a usual name, else null.</summary>
    public int? EndOfTextId => DeclaredEndOfTextId ?? DocumentTokens.FindEnd(this);

    /// <summary>The token that begins a document: the one that the files declare, else the one of a usual name, else null.</summary>
    public int? BeginOfTextId => DeclaredBeginOfTextId ?? DocumentTokens.FindBegin(this);

    /// <summary>What the files say beside the vocabulary; set once, when a tokenizer is loaded.</summary>
    internal int? DeclaredEndOfTextId { get; set; }

    /// <summary>What the files say beside the vocabulary; set once, when a tokenizer is loaded.</summary>
    internal int? DeclaredBeginOfTextId { get; set; }

    /// <summary>Appends the token ids of <paramref name="text"/> to <paramref name="ids"/>.</summary>
    /// <exception cref="ArgumentException">The text holds a character that the vocabulary lacks, and there is no unknown token.</exception>
    public abstract void Encode(ReadOnlySpan<char> text, List<int> ids, EncodeOptions options);

    /// <summary>Appends the token ids of <paramref name="text"/> to <paramref name="ids"/>; special tokens in it are ordinary text.</summary>
    /// <exception cref="ArgumentException">The text holds a character that the vocabulary lacks, and there is no unknown token.</exception>
    public void Encode(ReadOnlySpan<char> text, List<int> ids) => Encode(text, ids, EncodeOptions.Default);

    /// <summary>The token ids of <paramref name="text"/>; special tokens in it are ordinary text.</summary>
    /// <exception cref="ArgumentException">The text holds a character that the vocabulary lacks, and there is no unknown token.</exception>
    public int[] Encode(string text) => Encode(text, EncodeOptions.Default);

    /// <summary>The token ids of <paramref name="text"/>.</summary>
    /// <exception cref="ArgumentException">The text holds a character that the vocabulary lacks, and there is no unknown token.</exception>
    public int[] Encode(string text, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 3 + 4);
        Encode(text, ids, options);
        return ids.ToArray();
    }

    /// <summary>The text of <paramref name="ids"/>; bytes that are not UTF-8 become U+FFFD.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecial">Special tokens give no text.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public abstract string Decode(ReadOnlySpan<int> ids, bool skipSpecial = false);

    /// <summary>The token as the vocabulary writes it, for example <c>Ġthe</c>; the inverse of <see cref="TokenId"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public abstract string Token(int id);

    /// <summary>The text of one token alone, for example <c> the</c>; a part of a character shows as U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public abstract string TokenText(int id);

    /// <summary>The bytes that one token adds to the decoded text, where it stands neither first nor last.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public abstract ReadOnlySpan<byte> TokenBytes(int id);

    /// <summary>The id of a token as the vocabulary writes it, or null; the inverse of <see cref="Token"/>.</summary>
    public abstract int? TokenId(string token);

    /// <summary>A decoder that turns one token after another into text.</summary>
    /// <param name="skipSpecial">Special tokens give no text.</param>
    public abstract IncrementalDecoder CreateDecoder(bool skipSpecial = false);

    /// <summary>Writes a Hugging Face <c>tokenizer.json</c>.</summary>
    /// <param name="path">The file; it is replaced as a whole or not at all.</param>
    public abstract void Save(string path);

    /// <summary>Reads a <c>tokenizer.json</c>, or whatever tokenizer files a model folder holds.</summary>
    /// <exception cref="TokenizerFormatException">The file is damaged, or names a part that is not known here.</exception>
    /// <exception cref="FileNotFoundException">There is no tokenizer at <paramref name="path"/>.</exception>
    public static Tokenizer Load(string path) => TokenizerFiles.Load(path);

    /// <summary>The error for an id that the vocabulary lacks.</summary>
    internal ArgumentOutOfRangeException UnknownId(int id) =>
        new(nameof(id), $"Token id {id} is not in the vocabulary of {VocabularySize} tokens.");
}
