using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Describes the tokenizer of a model folder by the fields of a GGUF file.</summary>
internal static class GgufVocabularyReader
{
    private const int Normal = 1, Control = 3, UserDefined = 4, Unused = 5;

    /// <summary>Reads <c>tokenizer.json</c> or <c>tokenizer.model</c>.</summary>
    /// <exception cref="NotSupportedException">GGUF files have no such tokenizer.</exception>
    public static GgufVocabulary Read(string folder)
    {
        Tokenizer tokenizer = Tokenizer.Load(folder);
        string json = Path.Combine(folder, "tokenizer.json");
        GgufVocabulary vocabulary = tokenizer is SentencePieceTokenizer ? FromSentencePiece(SentencePieceModel.Read(Path.Combine(folder, "tokenizer.model")))
            : File.Exists(json) ? FromJson(json, tokenizer)
            : throw new NotSupportedException($"{folder}: GGUF files hold byte-level BPE or SentencePiece; this folder has neither tokenizer.json nor tokenizer.model.");
        return vocabulary with { BeginOfTextId = tokenizer.BeginOfTextId, EndOfTextId = tokenizer.EndOfTextId };
    }

    private static GgufVocabulary FromJson(string path, Tokenizer tokenizer)
    {
        using JsonDocument document = JsonFile.Read(path);
        JsonField root = JsonField.Root(path, document), model = root["model"];
        if (model["type"].String("BPE") != "BPE" || model["merges"].IsNull || ScannerJson.Read(root["pre_tokenizer"]) is not PreTokenScanner scanner)
            throw new NotSupportedException($"{path}: GGUF files hold byte-level BPE or SentencePiece; this is another tokenizer.");
        Dictionary<string, int> ids = TokenizerJsonParts.ReadVocabulary(model["vocab"]);
        string[] tokens = [.. Enumerable.Range(0, tokenizer.VocabularySize).Select(static id => $"[PAD{id}]")]; // as llama.cpp names ids without a token
        int[] types = [.. Enumerable.Repeat(Unused, tokens.Length)];
        foreach ((string token, int id) in ids) (tokens[id], types[id]) = (token, Normal);
        foreach (AddedToken token in TokenizerJsonParts.ReadAddedTokens(root["added_tokens"])) (tokens[token.Id], types[token.Id]) = (token.Content, token.Special ? Control : UserDefined);
        return new GgufVocabulary
        {
            Model = "gpt2",
            PreTokenizer = NameOf(scanner, path),
            Tokens = tokens,
            TokenTypes = types,
            Merges = [.. model["merges"].Items().Select(static m => m.Value.ValueKind == JsonValueKind.String ? m.String() : string.Join(' ', m.Items().Select(static part => part.String())))],
        };
    }

    private static GgufVocabulary FromSentencePiece(SentencePieceModel model) => model.Kind != SentencePieceKind.BytePair
        ? throw new NotSupportedException("GGUF files hold SentencePiece models of the BPE kind; this one is of another.")
        : new GgufVocabulary
        {
            Model = "llama",
            Tokens = [.. model.Pieces.Select(static p => p.Text)],
            Scores = [.. model.Pieces.Select(static p => p.Score)],
            TokenTypes = [.. model.Pieces.Select(static p => (int)p.Type)],
            AddSpacePrefix = model.AddDummyPrefix,
        };

    // llama.cpp's names.
    private static string NameOf(PreTokenScanner scanner, string path) => scanner switch
    {
        Gpt2Scanner => "gpt-2",
        DigitScanner => "smollm",
        PatternScanner pattern when pattern.Source == PatternScanner.Cl100k.Source => "llama-bpe",
        PatternScanner pattern when pattern.Source == PatternScanner.Qwen2.Source => "qwen2",
        PatternScanner pattern when pattern.Source == PatternScanner.O200k.Source => "gpt-4o",
        _ => throw new NotSupportedException($"{path}: its pattern for cutting text has no name in GGUF files."),
    };
}
