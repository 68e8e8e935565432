using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Recurrent;

/// <summary>Recurrent layers one above the other, each in one direction or in both.</summary>
/// <remarks>
/// With both directions a layer's output is the forward one's and the reverse one's side by side (Schuster and Paliwal 1997), D = 2.
/// Shapes: x [T, B, I], or [B, T, I] batch first -> output alike with D P features; states [L D, B, P] (cells [L D, B, H]): of each
/// layer first the forward direction's, then the reverse's.
/// </remarks>
public sealed class RecurrentStack : Layer
{
    private readonly RecurrentLayer[] _layers;
    private readonly int _directions;
    private readonly bool _batchFirst;

    /// <summary>Makes the layers with zero weights; initialise or load them next.</summary>
    /// <param name="name">The start of the parameters' names: layer 1 has <c>name.1</c>, its reverse direction <c>name.1.reverse</c>.</param>
    /// <param name="cell">What each step computes.</param>
    /// <param name="inputSize">I.</param>
    /// <param name="hiddenSize">H.</param>
    /// <param name="layerCount">L.</param>
    /// <param name="bidirectional">Whether each layer runs in both directions.</param>
    /// <param name="bias">Whether products have an offset.</param>
    /// <param name="projectionSize">P of an LSTM with a projected output; null for none.</param>
    /// <param name="batchFirst">Whether x and the output are [B, T, ..].</param>
    /// <param name="dtype">The element type.</param>
    /// <exception cref="ArgumentException">There is no layer.</exception>
    public RecurrentStack(string name, RecurrentCell cell, int inputSize, int hiddenSize, int layerCount = 1, bool bidirectional = false, bool bias = true, int? projectionSize = null, bool batchFirst = false, DType dtype = DType.Float32)
        : this(Make(name, cell, inputSize, hiddenSize, layerCount, bidirectional ? 2 : 1, bias, projectionSize, dtype), bidirectional, batchFirst)
    {
    }

    /// <summary>Puts layers together: with both directions, forward and reverse in turn.</summary>
    /// <exception cref="ArgumentException">There is no layer, or with both directions an odd number of them.</exception>
    public RecurrentStack(IReadOnlyList<RecurrentLayer> layers, bool bidirectional = false, bool batchFirst = false)
    {
        (_layers, _directions, _batchFirst) = ([.. layers], bidirectional ? 2 : 1, batchFirst);
        if (_layers.Length == 0 || _layers.Length % _directions != 0) throw new ArgumentException($"RecurrentStack: {_layers.Length} layers in {_directions} directions.");
        Parameters = [.. _layers.SelectMany(static l => l.Parameters)];
    }

    /// <summary>The layers: with both directions, forward and reverse in turn.</summary>
    public IReadOnlyList<RecurrentLayer> Layers => _layers;

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Runs over a batch of sequences.</summary>
    /// <param name="x">The inputs.</param>
    /// <param name="state">The states before the first step, [L D, B, ..]; null for zeros.</param>
    /// <param name="lengths">The number of real steps of each row, Int32 [B]; null where all have T. Outputs beyond are 0.</param>
    /// <param name="dropout">Applied to what passes from each layer to the next; null for none.</param>
    /// <exception cref="ArgumentException">Shapes do not fit.</exception>
    public (Tensor Output, RecurrentState Final) Forward(Tensor x, RecurrentState? state = null, Tensor? lengths = null, Dropout? dropout = null)
    {
        if (state is { } given && (given.Hidden.Rank != 3 || given.Hidden.Shape[0] != _layers.Length)) throw new ArgumentException($"RecurrentStack: state {given.Hidden.Shape} is not [{_layers.Length}, B, P].");
        if (_batchFirst) x = x.Transpose(0, 1);                                         // [T, B, I]
        List<Tensor> hidden = [], cells = [];
        for (int l = 0; l < _layers.Length; l += _directions)
        {
            if (l > 0 && dropout is not null) x = dropout.Apply(x, $"layers.{l / _directions}.input");
            Tensor input = x;
            Tensor[] outputs = new Tensor[_directions];
            for (int d = 0; d < _directions; d++)
            {
                int i = l + d;
                RecurrentState? before = state is { } s ? new RecurrentState(s.Hidden.Select(0, i), s.Cell?.Select(0, i)) : null;
                (outputs[d], RecurrentState after) = _layers[i].Forward(input, before, lengths, reverse: d == 1); // [T, B, P]
                hidden.Add(after.Hidden);
                if (after.Cell is not null) cells.Add(after.Cell);
            }
            x = _directions == 1 ? outputs[0] : Tensor.Concat(outputs, -1);             // [T, B, D P]
        }
        RecurrentState final = new(Tensor.Stack([.. hidden]), cells.Count == 0 ? null : Tensor.Stack([.. cells])); // [L D, B, ..]
        return (_batchFirst ? x.Transpose(0, 1) : x, final);
    }

    /// <summary>Draws every parameter evenly from ±1/√H, as torch does.</summary>
    public RecurrentStack Initialize(RandomGenerator generator)
    {
        foreach (RecurrentLayer layer in _layers) layer.Initialize(generator);
        return this;
    }

    private static List<RecurrentLayer> Make(string name, RecurrentCell cell, int inputSize, int hiddenSize, int layerCount, int directions, bool bias, int? projectionSize, DType dtype)
    {
        List<RecurrentLayer> layers = [];
        for (int l = 0; l < layerCount; l++)
            for (int d = 0; d < directions; d++)
                layers.Add(new RecurrentLayer($"{name}.{l}{(d == 1 ? ".reverse" : "")}", cell, l == 0 ? inputSize : directions * (projectionSize ?? hiddenSize), hiddenSize, bias, projectionSize, dtype));
        return layers;
    }
}
