using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Builds the tokenizers that the golden files name from the public vocabularies.</summary>
internal static class GoldenTokenizers
{
    /// <summary>A tokenizer of kind <c>hf</c> by its golden name, or null where this machine lacks its vocabulary.</summary>
    public static PipelineTokenizer? Load(string name)
    {
        string data = SharedFolder.Require("data", "tokenizers");
        switch (name)
        {
            case "gpt2":
                using (TemporaryFile file = new())
                {
                    Tokenizer.Load(Path.Combine(data, "gpt2")).Save(file.Path);
                    return PipelineJson.Load(file.Path);
                }
            case "smollm2":
            {
                using TemporaryFile file = new();
                if (GgufFile.Load(SharedFolder.Require("models", "smollm2-135m-instruct")) is not GgufVocabulary vocabulary) return null;
                vocabulary.CreateTokenizer().Save(file.Path);
                return PipelineJson.Load(file.Path);
            }
            case "bert_cased":
                return Bert(Path.Combine(data, "bert", "bert-base-cased-vocab.txt"), lowercase: false);
            case "gpt1":
                return Gpt1(Path.Combine(data, "gpt1"));
            case "minilm":
                return PipelineJson.Load(SharedFolder.Require("models", "all-minilm-l6-v2", "tokenizer.json")).With(null, null);
            default:
                string folder = name switch { "roberta_base" => "roberta-base", "bert_uncased" => "bert-uncased-like", "t5_small" => "t5-small", "tiny_bpe" => "tiny-bpe", _ => name };
                string json = Path.Combine(data, "hf-json", folder, "tokenizer.json");
                return PipelineJson.Load(File.Exists(json) ? json : json + ".gz").With(null, null);
        }
    }

    public static PipelineTokenizer FromJson(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return PipelineJson.Load(JsonField.Root("test", document));
    }

    private static PipelineTokenizer Bert(string path, bool lowercase)
    {
        string vocab = "{" + string.Join(',', File.ReadAllText(path).TrimEnd('\n').Split('\n').Select((token, id) => $"{JsonSerializer.Serialize(token.TrimEnd('\r'))}:{id}")) + "}";
        string added = string.Join(',', ((string[])["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]).Select(token =>
            $$"""{"id":{{Array.IndexOf(File.ReadAllLines(path), token)}},"content":"{{token}}","special":true,"normalized":false}"""));
        return FromJson($$"""
            {"added_tokens":[{{added}}],"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":{{(lowercase ? "true" : "false")}}},
            "pre_tokenizer":{"type":"BertPreTokenizer"},
            "post_processor":{"type":"BertProcessing","sep":["[SEP]",102],"cls":["[CLS]",101]},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
            "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{{vocab}} } }
            """);
    }

    private static PipelineTokenizer Gpt1(string folder)
    {
        string vocab = GoldenFiles.ReadText(Path.Combine(folder, "encoder_bpe_40000.json.gz"));
        string merges = string.Join(',', GoldenFiles.ReadText(Path.Combine(folder, "vocab_40000.bpe.gz")).Split('\n').Skip(1)
            .Where(line => line.Length > 0).Select(line => JsonSerializer.Serialize(line.Split(' '))));
        bool unknown = JsonDocument.Parse(vocab).RootElement.TryGetProperty("<unk>", out JsonElement id);
        string unknownToken = unknown ? $$"""{"id":{{id}},"content":"<unk>","special":true,"normalized":false}""" : "";
        return FromJson($$"""
            {"added_tokens":[{{unknownToken}}],"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
            "pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":{"type":"BPEDecoder","suffix":"</w>"},
            "model":{"type":"BPE","unk_token":{{(unknown ? "\"<unk>\"" : "null")}},"end_of_word_suffix":"</w>","vocab":{{vocab}},"merges":[{{merges}}] } }
            """);
    }
}
