using System.Text.Json;
using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tokenizers;

namespace Weft.Inference;

/// <summary>A model, the tokenizer that it was trained with and, for a chat model, its template.</summary>
public sealed class LanguageModel
{
    /// <summary>Puts them together.</summary>
    /// <exception cref="ArgumentException">The tokenizer has ids that the model does not know.</exception>
    public LanguageModel(DecoderModel model, Tokenizer tokenizer, ChatTemplate? chatTemplate = null)
    {
        if (tokenizer.VocabularySize > model.Config.VocabularySize)
            throw new ArgumentException($"The tokenizer has {tokenizer.VocabularySize} tokens, but the model only {model.Config.VocabularySize}.");
        (Model, Tokenizer, ChatTemplate) = (model, tokenizer, chatTemplate);
        StopIds = EndOfTextId is { } end ? [end] : [];
    }

    /// <summary>The network.</summary>
    public DecoderModel Model { get; }

    /// <summary>From text to token ids and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>How a conversation becomes a text; null where the model has no template.</summary>
    public ChatTemplate? ChatTemplate { get; }

    /// <summary>The id that ends a text; null where there is none.</summary>
    public int? EndOfTextId => Model.Config.EndOfTextId;

    /// <summary>Every id that ends an answer: chat models have more than one.</summary>
    public IReadOnlyList<int> StopIds { get; private init; }

    /// <summary>Reads a GGUF file, or a folder in the Hugging Face layout (<c>config.json</c>, <c>model.safetensors</c>, <c>tokenizer.json</c>).</summary>
    /// <param name="path">The file, or the first part of a split one, or the folder.</param>
    /// <param name="dtype">The type to compute in.</param>
    /// <param name="compute">For a GGUF file: whether its weights are dequantized, or used as they are stored.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static LanguageModel Load(string path, DType dtype = DType.Float32, ComputePath compute = ComputePath.Exact)
    {
        if (!Directory.Exists(path)) return LoadGguf(path, dtype, compute);
        LanguageModel language = new(ModelDirectory.Load(path, dtype), Tokenizer.Load(path), ChatTemplate.FromFolder(path));
        return new LanguageModel(language.Model, language.Tokenizer, language.ChatTemplate) { StopIds = StopsOf(path, language) };
    }

    private static LanguageModel LoadGguf(string path, DType dtype, ComputePath compute)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file or folder.", path);
        GgufFile file = GgufFile.Open(path); // the model keeps it
        Task<Tokenizer> tokenizer = Task.Run(() => GgufTokenizer.Read(file)); // both take some time, and neither needs the other
        try
        {
            DecoderModel model = GgufModel.Load(file, dtype, compute);
            ChatTemplate? template = GgufTokenizer.ChatTemplate(file);
            LanguageModel language = new(model, tokenizer.GetAwaiter().GetResult(), template);
            GgufKeys keys = new(file);
            return new LanguageModel(model, language.Tokenizer, template)
            {
                StopIds = [.. new[] { language.EndOfTextId, keys.TokenId("eot_token_id"), keys.TokenId("eom_token_id") }.OfType<int>().Distinct()],
            };
        }
        catch
        {
            ((IAsyncResult)tokenizer).AsyncWaitHandle.WaitOne(); // it still reads the mapped file
            file.Dispose();
            throw;
        }
    }

    // generation_config.json may name several.
    private static IReadOnlyList<int> StopsOf(string folder, LanguageModel language)
    {
        string path = Path.Combine(folder, "generation_config.json");
        if (!File.Exists(path)) return language.StopIds;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (!document.RootElement.TryGetProperty("eos_token_id", out JsonElement ids)) return language.StopIds;
            IEnumerable<int> named = ids.ValueKind switch
            {
                JsonValueKind.Array => ids.EnumerateArray().Select(static id => id.GetInt32()),
                JsonValueKind.Number => [ids.GetInt32()],
                _ => [],
            };
            return [.. language.StopIds.Concat(named).Distinct()];
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new WeftFileException(path, 0, $"is not valid: {exception.Message}", exception, FileFault.BadJson);
        }
    }
}
