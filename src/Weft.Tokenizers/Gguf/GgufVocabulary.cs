using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>The vocabulary of a GGUF file: the metadata fields <c>tokenizer.ggml.*</c>, as whoever reads the file hands them over.</summary>
public sealed record GgufVocabulary
{
    // Values of tokenizer.ggml.token_type (llama.cpp's llama_token_type).
    private const int Unknown = 2, Control = 3, UserDefined = 4;

    /// <summary><c>tokenizer.ggml.model</c>: <c>gpt2</c> (byte-level BPE), <c>llama</c> (SentencePiece) or <c>bert</c> (WordPiece).</summary>
    public required string Model { get; init; }

    /// <summary><c>tokenizer.ggml.pre</c>: which pre-tokenizer a byte-level BPE has.</summary>
    public string PreTokenizer { get; init; } = "default";

    /// <summary><c>tokenizer.ggml.tokens</c>, by token id.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary><c>tokenizer.ggml.token_type</c>, by token id; empty: all are ordinary.</summary>
    public IReadOnlyList<int> TokenTypes { get; init; } = [];

    /// <summary><c>tokenizer.ggml.scores</c>, by token id.</summary>
    public IReadOnlyList<float> Scores { get; init; } = [];

    /// <summary><c>tokenizer.ggml.merges</c>, each "left right".</summary>
    public IReadOnlyList<string> Merges { get; init; } = [];

    /// <summary><c>tokenizer.ggml.bos_token_id</c>.</summary>
    public int? BeginOfTextId { get; init; }

    /// <summary><c>tokenizer.ggml.eos_token_id</c>.</summary>
    public int? EndOfTextId { get; init; }

    /// <summary><c>tokenizer.ggml.unknown_token_id</c>.</summary>
    public int? UnknownId { get; init; }

    /// <summary><c>tokenizer.ggml.add_bos_token</c>.</summary>
    public bool? AddBeginOfText { get; init; }

    /// <summary><c>tokenizer.ggml.add_eos_token</c>.</summary>
    public bool? AddEndOfText { get; init; }

    /// <summary><c>tokenizer.ggml.add_space_prefix</c>.</summary>
    public bool AddSpacePrefix { get; init; } = true;

    /// <summary>Describes the tokenizer of a model folder, for a GGUF file.</summary>
    /// <exception cref="NotSupportedException">GGUF files have no such tokenizer.</exception>
    /// <exception cref="TokenizerFormatException">The file is damaged.</exception>
    public static GgufVocabulary FromFolder(string folder) => GgufVocabularyReader.Read(folder);

    /// <summary>Builds the tokenizer.</summary>
    /// <exception cref="NotSupportedException">The model or the pre-tokenizer is not known here.</exception>
    /// <exception cref="ArgumentException">The fields contradict each other.</exception>
    public Tokenizer CreateTokenizer()
    {
        Tokenizer tokenizer = Model switch
        {
            "gpt2" => CreateBytePair(),
            "llama" => CreateSentencePiece(),
            "bert" => GgufWordPiece.Create(this),
            _ => throw new NotSupportedException($"The GGUF tokenizer model '{Model}' is not supported."),
        };
        tokenizer.DeclaredBeginOfTextId = BeginOfTextId;
        tokenizer.DeclaredEndOfTextId = EndOfTextId;
        return tokenizer;
    }

    private BytePairTokenizer CreateBytePair()
    {
        Dictionary<string, int> vocabulary = new(Tokens.Count, StringComparer.Ordinal);
        List<AddedToken> added = [];
        for (int id = 0; id < Tokens.Count; id++)
        {
            int type = id < TokenTypes.Count ? TokenTypes[id] : 1;
            if (type is Control or Unknown) added.Add(new AddedToken(Tokens[id], id));
            else if (type == UserDefined) added.Add(new AddedToken(Tokens[id], id) { Special = false });
            if (!vocabulary.TryAdd(Tokens[id], id)) throw new ArgumentException($"The token '{Tokens[id]}' stands in the vocabulary twice.");
        }
        var ids = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        MergeTable merges = new(Merges.Count);
        int result = -1;
        for (int rank = 0; rank < Merges.Count; rank++)
        {
            ReadOnlySpan<char> merge = Merges[rank];
            int space = merge.Length > 1 ? merge[1..].IndexOf(' ') + 1 : 0; // a token may be a space itself
            if (space == 0) throw new ArgumentException($"Merge {rank} '{Merges[rank]}' is not a pair.");
            ReadOnlySpan<char> left = merge[..space], right = merge[(space + 1)..];
            // Nearly every vocabulary numbers its tokens in the order of the merges: the next one is tried before it is looked for.
            result = result + 1 < Tokens.Count && IsJoined(Tokens[result + 1], left, right) ? result + 1 : Id(string.Concat(left, right));
            merges.Set(Id(left), Id(right), rank, result);

            int Id(ReadOnlySpan<char> token) => ids.TryGetValue(token, out int id) ? id : throw new ArgumentException($"Merge {rank} names the token '{token}', which is not in the vocabulary.");
        }
        return new BytePairTokenizer(vocabulary, merges, Scanner(PreTokenizer), added)
        {
            // Where the file does not say: Llama 3 begins every text with its token, the others do not.
            Around = (AddBeginOfText ?? PreTokenizer is "llama-bpe" or "llama3" or "llama-v3" ? BeginOfTextId : null, AddEndOfText ?? false ? EndOfTextId : null),
        };
    }

    private static bool IsJoined(ReadOnlySpan<char> token, ReadOnlySpan<char> left, ReadOnlySpan<char> right) =>
        token.Length == left.Length + right.Length && token.StartsWith(left) && token.EndsWith(right);

    private SentencePieceTokenizer CreateSentencePiece()
    {
        if (Scores.Count != Tokens.Count || TokenTypes.Count != Tokens.Count)
            throw new ArgumentException($"There are {Tokens.Count} tokens, {Scores.Count} scores and {TokenTypes.Count} token types.");
        List<(string, float, SentencePieceType)> pieces = new(Tokens.Count);
        for (int id = 0; id < Tokens.Count; id++) pieces.Add((Tokens[id], Scores[id], (SentencePieceType)TokenTypes[id]));
        return new SentencePieceTokenizer(new SentencePieceModel
        {
            Pieces = pieces,
            Kind = SentencePieceKind.BytePair,
            AddDummyPrefix = AddSpacePrefix,
            RemoveExtraWhitespace = false,
            ByteFallback = true,
            Added = (AddBeginOfText ?? true ? BeginOfTextId : null, AddEndOfText ?? false ? EndOfTextId : null),
        }, null);
    }

    // The names are llama.cpp's.
    private static PreTokenScanner Scanner(string name) => name switch
    {
        "gpt-2" or "default" or "phi-2" or "jina-es" or "jina-de" or "gigachat" or "jais" or "roberta-bpe" or "exaone4" => Gpt2Scanner.Instance,
        "smollm" or "starcoder" or "refact" or "command-r" or "codeshell" or "exaone" or "minerva-7b" => DigitScanner.Instance,
        "llama-bpe" or "llama3" or "llama-v3" or "falcon3" or "dbrx" or "smaug-bpe" => PatternScanner.Cl100k,
        "qwen2" or "deepseek-r1-qwen" or "stablelm2" or "hunyuan" or "megrez" => PatternScanner.Qwen2,
        "gpt-4o" or "llama4" => PatternScanner.O200k,
        _ => throw new NotSupportedException($"The GGUF pre-tokenizer '{name}' is not supported."),
    };
}
