using Weft.Models.Decoder;
using Weft.Tensors.Files.Gguf;

namespace Weft.Models.Families.Gguf;

/// <summary>Where a parameter, or some rows of it, stands in a GGUF file.</summary>
/// <param name="Parameter">The parameter's name in Weft.</param>
/// <param name="Tensor">The tensor's name in the file.</param>
/// <param name="FirstRow">The first of the rows that this tensor holds.</param>
/// <param name="RowCount">How many rows it holds; 0 means all.</param>
/// <param name="PermutedHeadSize">0, or the head size where rotary pairs are neighbours in the file (llama.cpp's Llama order).</param>
/// <param name="Added">What the file has added to each element, to be taken off again (Gemma's gains).</param>
public sealed record GgufWeight(string Parameter, string Tensor, int FirstRow = 0, int RowCount = 0, int PermutedHeadSize = 0, float Added = 0);

/// <summary>One architecture of GGUF files: how its keys and tensors name what Weft computes.</summary>
public abstract class GgufFamily
{
    /// <summary>The value of <c>general.architecture</c>.</summary>
    public abstract string Architecture { get; }

    /// <summary>Whether a model can be written as this architecture without changing what it computes.</summary>
    public abstract bool CanExpress(DecoderConfig config);

    /// <summary>Reads the architecture.</summary>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A key is missing, wrong or not understood.</exception>
    public abstract DecoderConfig ReadConfig(GgufKeys keys);

    /// <summary>Writes the model's own keys.</summary>
    public abstract void WriteKeys(GgufWriter writer, DecoderConfig config);

    /// <summary>Every tensor of a file that holds weights.</summary>
    public abstract IEnumerable<GgufWeight> Weights(DecoderConfig config);

    /// <summary>Tensors that hold what the configuration says: vectors in F32, by name.</summary>
    public virtual IEnumerable<(string Tensor, float[] Values)> Settings(DecoderConfig config) => [];

    /// <summary>Writes a key of this architecture.</summary>
    protected void Set(GgufWriter writer, string key, int value) => writer.Set($"{Architecture}.{key}", (uint)value);

    /// <inheritdoc cref="Set(GgufWriter, string, int)"/>
    protected void Set(GgufWriter writer, string key, double value) => writer.Set($"{Architecture}.{key}", (float)value);
}
