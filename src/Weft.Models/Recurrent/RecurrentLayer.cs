using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Recurrent;

/// <summary>A recurrent layer in one direction: an LSTM, a GRU or a plain network, by its cell.</summary>
/// <remarks>
/// Formulas and the order of the gates are those of <see cref="Recurrences"/>. Shapes: x [T, B, I] -> output [T, B, P], where P is the
/// hidden size H, or the projection's. <code>RecurrentLayer lstm = new("lstm", RecurrentCell.Lstm, 64, 128);</code>
/// </remarks>
public sealed class RecurrentLayer : Layer
{
    /// <summary>Makes the layer with zero weights; initialise or load them next.</summary>
    /// <param name="name">The start of the parameters' names.</param>
    /// <param name="cell">What each step computes.</param>
    /// <param name="inputSize">I.</param>
    /// <param name="hiddenSize">H.</param>
    /// <param name="bias">Whether both products have an offset.</param>
    /// <param name="projectionSize">P of an LSTM with a projected output; null for none.</param>
    /// <param name="dtype">The element type.</param>
    public RecurrentLayer(string name, RecurrentCell cell, int inputSize, int hiddenSize, bool bias = true, int? projectionSize = null, DType dtype = DType.Float32)
    {
        int rows = cell.GateCount() * hiddenSize;
        Cell = cell;
        Weights = new RecurrentWeights(
            Parameter(name + ".input.weight", [rows, inputSize], dtype),
            Parameter(name + ".hidden.weight", [rows, projectionSize ?? hiddenSize], dtype),
            bias ? Parameter(name + ".input.bias", [rows], dtype) : null,
            bias ? Parameter(name + ".hidden.bias", [rows], dtype) : null,
            projectionSize is { } size ? Parameter(name + ".projection.weight", [size, hiddenSize], dtype) : null);
    }

    /// <summary>Makes a layer of weights that exist.</summary>
    public RecurrentLayer(RecurrentCell cell, RecurrentWeights weights) => (Cell, Weights) = (cell, weights);

    /// <summary>What each step computes.</summary>
    public RecurrentCell Cell { get; }

    /// <summary>The weights.</summary>
    public RecurrentWeights Weights { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => ((Tensor?[])[Weights.Input, Weights.Hidden, Weights.InputBias, Weights.HiddenBias, Weights.Projection]).OfType<Tensor>();

    /// <summary>Runs over a sequence.</summary>
    /// <param name="x">The inputs, [T, B, I].</param>
    /// <param name="state">The state before the first step; null for zeros.</param>
    /// <param name="lengths">The number of real steps of each row, Int32 [B]; null where all have T.</param>
    /// <param name="reverse">Whether to walk from each row's end to its beginning.</param>
    public (Tensor Output, RecurrentState Final) Forward(Tensor x, RecurrentState? state = null, Tensor? lengths = null, bool reverse = false) => x.Recurrence(Cell, Weights, state, lengths, reverse);

    /// <summary>One step: x [B, I] and the state before it -> the state after it, whose hidden part is the output.</summary>
    public RecurrentState Step(Tensor x, RecurrentState? state = null) => x.Unsqueeze(0).Recurrence(Cell, Weights, state).Final;

    /// <summary>Draws every parameter evenly from ±1/√H, as torch does.</summary>
    public RecurrentLayer Initialize(RandomGenerator generator)
    {
        foreach (Tensor parameter in Parameters) FillByFanIn(generator, Weights.Input.Shape[0] / Cell.GateCount(), parameter);
        return this;
    }
}
