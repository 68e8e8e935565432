using Weft.Models.Layers;

namespace Weft.Models.Families;

/// <summary>Reads nonlinearities from configurations.</summary>
internal static class ActivationNames
{
    /// <summary>The nonlinearity under a key.</summary>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">The name is not known.</exception>
    internal static ActivationKind ReadActivation(this ConfigReader reader, string key, string fallback) => reader.ToActivation(key, reader.Text(key, fallback)!);

    /// <summary>The nonlinearity of a name that is a part of a key's value.</summary>
    /// <inheritdoc cref="ReadActivation"/>
    internal static ActivationKind ToActivation(this ConfigReader reader, string key, string name) => ActivationKinds.Find(name) ?? throw reader.Unsupported(key, $"'{name}'");
}
