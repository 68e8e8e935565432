using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>A table of vectors, looked up by id.</summary>
/// <remarks>Shapes: ids [..] -> [.., C]; weight [V, C].</remarks>
public sealed class Embedding : Layer
{
    /// <summary>Makes the table with zeros; initialise or load it next.</summary>
    public Embedding(string name, int count, int size, DType dtype = DType.Float32) => Weight = Parameter(name + ".weight", [count, size], dtype);

    /// <summary>The vectors, one per id: [V, C].</summary>
    public Tensor Weight { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [Weight];

    /// <summary>Looks the ids up.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative or not below V.</exception>
    public Tensor Forward(Tensor ids) => Weight.Embedding(ids);
}
