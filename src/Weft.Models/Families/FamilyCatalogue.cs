using Weft.Models.Decoder;
using Weft.Tensors.Files;

namespace Weft.Models.Families;

/// <summary>Every family of decoders that Weft reads and writes.</summary>
public static class FamilyCatalogue
{
    /// <summary>The families; the first that can express a model is the one it is saved as.</summary>
    public static IReadOnlyList<DecoderFamily> All { get; } = [new Gpt2Family(), new LlamaFamily(), new WeftFamily()];

    /// <summary>The family that a configuration names.</summary>
    /// <exception cref="WeftFileException">It names none that is known; the message lists those that are.</exception>
    public static DecoderFamily Of(ConfigReader reader)
    {
        string? type = reader.Text("model_type");
        return All.FirstOrDefault(f => f.ModelType == type) ?? throw new WeftFileException(reader.Path, 0,
            type is null ? "lacks the key 'model_type'." : $"'model_type' is '{type}', which is not known; known are {string.Join(", ", All.Select(static f => f.ModelType))}.");
    }

    /// <summary>The family that a model is saved as.</summary>
    public static DecoderFamily For(DecoderConfig config) => All.First(f => f.CanExpress(config));
}
