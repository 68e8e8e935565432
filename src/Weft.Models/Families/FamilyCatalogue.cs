using Weft.Models.Decoder;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>Every family of decoders that Weft reads and writes.</summary>
public static class FamilyCatalogue
{
    /// <summary>The families. A model is saved as the one that it came from, or else as the first that can express it.</summary>
    public static IReadOnlyList<DecoderFamily> All { get; } =
    [
        new Gpt2Family(), new LlamaFamily(), new BloomFamily(), new DeepseekV2Family(), new DeepseekV3Family(), new GemmaFamily(), new Gemma2Family(), new Gemma3Family(), new GptNeoXFamily(),
        new GptOssFamily(), new GraniteFamily(), new MistralFamily(), new MixtralFamily(), new Olmo2Family(), new OlmoeFamily(), new OptFamily(), new PhiFamily(), new Phi3Family(),
        new Qwen2Family(), new Qwen3Family(), new Qwen3MoeFamily(), new SmolLm3Family(), new WeftFamily(),
    ];

    /// <summary>The family that a configuration names.</summary>
    /// <exception cref="WeftFileException">It names none that is known; the message lists those that are.</exception>
    public static DecoderFamily Of(ConfigReader reader)
    {
        string? type = reader.Text("model_type");
        return All.FirstOrDefault(f => f.ModelType == type) ?? throw new WeftFileException(reader.Path, 0, type switch
        {
            null => "lacks the key 'model_type'.",
            _ when EncoderDirectory.Families.Any(f => f.ModelType == type) => $"'{type}' is an encoder, which writes no text: EncoderDirectory loads it, and the commands embed, fill and classify use it.",
            _ when EncoderDecoderDirectory.Families.Any(f => f.ModelType == type) => $"'{type}' has an encoder and a decoder: EncoderDecoderDirectory loads it, and the commands seq2seq and translate use it.",
            _ when StateSpaceDirectory.Families.Any(f => f.ModelType == type) => $"'{type}' is a state-space model: StateSpaceDirectory loads it; no command uses it.",
            _ => $"'model_type' is '{type}', which is not known; known are {string.Join(", ", All.Select(static f => f.ModelType))}.",
        });
    }

    /// <summary>The family that a model is saved as.</summary>
    public static DecoderFamily For(DecoderConfig config) =>
        All.FirstOrDefault(f => f.ModelType == config.Family) is { } own && own.CanExpress(config) ? own : All.First(f => f.CanExpress(config));
}
