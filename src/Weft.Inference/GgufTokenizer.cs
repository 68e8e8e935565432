using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tokenizers;

namespace Weft.Inference;

/// <summary>The tokenizer and the chat template in a GGUF file's metadata.</summary>
public static class GgufTokenizer
{
    private const string Prefix = "tokenizer.ggml.", TemplateKey = "tokenizer.chat_template";

    /// <summary>Builds the tokenizer.</summary>
    /// <exception cref="WeftFileException">The file has none, or one that is not known or contradicts itself.</exception>
    public static Tokenizer Read(GgufFile file)
    {
        try
        {
            return Vocabulary(file).CreateTokenizer();
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or TokenizerFormatException)
        {
            throw new WeftFileException(file.Path, 0, $"its tokenizer cannot be used: {exception.Message}", exception, FileFault.BadValue);
        }
    }

    /// <summary>The chat template, or null.</summary>
    /// <exception cref="ChatTemplateException">The template is wrong.</exception>
    public static ChatTemplate? ChatTemplate(GgufFile file) => file.Metadata.TryGetValue(TemplateKey, out GgufValue? source) ? Tokenizers.ChatTemplate.Parse(source.AsText()) : null;

    /// <summary>The fields that make the tokenizer.</summary>
    public static GgufVocabulary Vocabulary(GgufFile file)
    {
        GgufValue? Find(string key) => file.Metadata.TryGetValue(Prefix + key, out GgufValue? value) ? value : null;
        GgufValue Need(string key) => Find(key) ?? throw new WeftFileException(file.Path, 0, $"lacks the key '{Prefix}{key}'.");
        return new GgufVocabulary
        {
            Model = Need("model").AsText(),
            PreTokenizer = Find("pre")?.AsText() ?? "default",
            Tokens = Need("tokens").AsTexts(),
            TokenTypes = Find("token_type")?.AsInt32s() ?? [],
            Scores = Find("scores")?.AsSingles() ?? [],
            Merges = Find("merges")?.AsTexts() ?? [],
            BeginOfTextId = Find("bos_token_id")?.AsInt32(),
            EndOfTextId = Find("eos_token_id")?.AsInt32(),
            UnknownId = Find("unknown_token_id")?.AsInt32(),
            AddBeginOfText = Find("add_bos_token")?.AsFlag(),
            AddEndOfText = Find("add_eos_token")?.AsFlag(),
            AddSpacePrefix = Find("add_space_prefix")?.AsFlag() ?? true,
        };
    }
}
