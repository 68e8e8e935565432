namespace Weft.Tokenizers;

/// <summary>Finds out which tokenizer files stand at a path.</summary>
internal static class TokenizerFiles
{
    public static Tokenizer Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
        {
            Tokenizer tokenizer = LoadFolder(path);
            DocumentTokens.Declare(tokenizer, path);
            return tokenizer;
        }
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no tokenizer file or model folder here.", path);
        string name = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? path[..^3] : path;
        if (name.EndsWith(".tiktoken", StringComparison.OrdinalIgnoreCase)) return TiktokenFile.Load(path);
        if (name.EndsWith(".model", StringComparison.OrdinalIgnoreCase)) return new SentencePieceTokenizer(SentencePieceModel.Read(path), path);
        if (name.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)) return BertVocabulary.Load(path);
        return TokenizerJson.Load(path);
    }

    private static Tokenizer LoadFolder(string folder)
    {
        if (First(folder, "tokenizer.json", "tokenizer.json.gz") is string json) return TokenizerJson.Load(json);
        if (First(folder, "vocab.json", "encoder.json") is string vocabulary && First(folder, "merges.txt", "vocab.bpe") is string merges)
            return Gpt2Files.Load(vocabulary, merges);
        if (First(folder, "tokenizer.model", "spiece.model", "sentencepiece.bpe.model") is string sentencePiece) return Load(sentencePiece);
        if (First(folder, "vocab.txt") is string bert) return BertVocabulary.Load(bert);
        throw new FileNotFoundException($"{folder}: the folder holds no tokenizer.json, vocab.json with merges.txt, tokenizer.model or vocab.txt.", folder);
    }

    private static string? First(string folder, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
            if (Path.Combine(folder, name) is string path && File.Exists(path))
                return path;
        return null;
    }
}
