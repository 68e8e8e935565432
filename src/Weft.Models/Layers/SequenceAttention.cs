using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Each token of a sequence gathers information from a sequence: its own, or another one.</summary>
/// <remarks>
/// softmax(q kᵀ · scale + bias) v per head (Vaswani et al. 2017, arXiv:1706.03762, eq. 1), without an order of its own: what may
/// not be seen is said by a mask. Shapes: x [B, T, C], memory [B, S, C] -> [B, T, C].
/// </remarks>
public sealed class SequenceAttention : Layer
{
    private readonly int _headCount, _headSize;
    private readonly double _scale;
    private readonly string _pattern;

    /// <summary>Makes the maps with zeros; initialise or load them next.</summary>
    /// <param name="name">The layer's name; its pattern is the activation <c>name.pattern</c>.</param>
    /// <param name="size">C.</param>
    /// <param name="headCount">H.</param>
    /// <param name="headSize">D; 0 means C / H.</param>
    /// <param name="bias">Whether the maps add an offset.</param>
    /// <param name="scale">Multiplies the products; null means 1 / sqrt(D).</param>
    /// <param name="dtype">The element type.</param>
    public SequenceAttention(string name, int size, int headCount, int headSize = 0, bool bias = true, double? scale = null, DType dtype = DType.Float32)
    {
        _headCount = headCount;
        _headSize = headSize == 0 ? size / headCount : headSize;
        _scale = scale ?? 1 / Math.Sqrt(_headSize);
        _pattern = name + ".pattern";
        Query = new Linear(name + ".query", size, headCount * _headSize, bias, dtype);
        Key = new Linear(name + ".key", size, headCount * _headSize, bias, dtype);
        Value = new Linear(name + ".value", size, headCount * _headSize, bias, dtype);
        Output = new Linear(name + ".output", headCount * _headSize, size, bias, dtype);
    }

    /// <summary>What a token looks for: [H D, C].</summary>
    public Linear Query { get; }

    /// <summary>What a token offers: [H D, C].</summary>
    public Linear Key { get; }

    /// <summary>What it gives: [H D, C].</summary>
    public Linear Value { get; }

    /// <summary>Back to the residual stream: [C, H D].</summary>
    public Linear Output { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Query.Parameters, .. Key.Parameters, .. Value.Parameters, .. Output.Parameters];

    /// <summary>The keys and values of a sequence. Shapes: memory [B, S, C] -> [B, S, H, D] twice.</summary>
    public (Tensor Keys, Tensor Values) Remember(Tensor memory) => (Heads(Key.Forward(memory)), Heads(Value.Forward(memory)));

    /// <summary>Gathers from keys and values. Shapes: x [B, T, C], keys and values [B, S, H, D] -> [B, T, C].</summary>
    /// <param name="x">Who looks.</param>
    /// <param name="keys">From <see cref="Remember"/>.</param>
    /// <param name="values">From <see cref="Remember"/>.</param>
    /// <param name="hidden">Bool, broadcast to [B, H, T, S]: true where a key may not be seen; null sees all.</param>
    /// <param name="bias">Added to the scaled products, broadcast to [B, H, T, S]; null for none.</param>
    /// <param name="dropout">Applied to the pattern; null outside training.</param>
    /// <param name="tap">Sees the pattern, [B, H, T, S].</param>
    public Tensor Forward(Tensor x, Tensor keys, Tensor values, Tensor? hidden = null, Tensor? bias = null, Dropout? dropout = null, Action<string, Tensor>? tap = null)
    {
        int B = x.Shape[0], T = x.Shape[1];
        Tensor q = Heads(Query.Forward(x) * _scale).Permute(0, 2, 1, 3);            // [B, H, T, D]
        Tensor products = q.MatMul(keys.Permute(0, 2, 3, 1));                       // [B, H, T, S]
        if (bias is not null) products += bias;
        Tensor pattern = hidden is null ? products.Softmax() : products.MaskedSoftmax(hidden);
        if (hidden is not null && HidesARow(hidden)) pattern = pattern.MaskedFill(hidden, 0); // which is NaN before
        tap?.Invoke(_pattern, pattern);
        if (dropout is not null) pattern = dropout.Apply(pattern, _pattern);
        Tensor y = pattern.MatMul(values.Permute(0, 2, 1, 3)).Permute(0, 2, 1, 3);  // [B, T, H, D]
        return Output.Forward(y.Reshape(B, T, _headCount * _headSize));             // [B, T, C]
    }

    private static bool HidesARow(Tensor hidden)
    {
        ReadOnlySpan<bool> all = hidden.Contiguous().AsSpan<bool>();
        int S = hidden.Shape[^1];
        for (int i = 0; i < all.Length; i += S) if (!all.Slice(i, S).Contains(false)) return true;
        return false;
    }

    private Tensor Heads(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], _headCount, _headSize);
}
