using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Several attentions side by side, each on its own share of the features.</summary>
/// <remarks>
/// out = W_o [head_1 .. head_H] + b_o, head_h = softmax(Q_h K_hᵀ / √D + mask) V_h with Q = W_q query + b_q and so on
/// (Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2). Shapes: query [B, T, C], key [B, S, Ck], value [B, S, Cv] -> [B, T, C].
/// Masks say true where a query may see a key (PyTorch's module says true where it may not).
/// </remarks>
public sealed class MultiHeadAttention : Layer
{
    private readonly int _headCount;
    private readonly bool _zeroKey;
    private readonly string _pattern;

    /// <summary>Makes the layer with zero weights; initialise or load them next.</summary>
    /// <param name="name">What the parameters' names begin with.</param>
    /// <param name="size">C.</param>
    /// <param name="headCount">H, which divides C.</param>
    /// <param name="bias">Whether the four maps have offsets.</param>
    /// <param name="keySize">Ck; by default C.</param>
    /// <param name="valueSize">Cv; by default C.</param>
    /// <param name="extraKey">Adds one learned key and value to those of every text.</param>
    /// <param name="zeroKey">Adds one key and value of zeros: a place for queries that look for nothing.</param>
    /// <param name="dtype">The element type.</param>
    /// <exception cref="ArgumentException">The heads do not divide the size.</exception>
    public MultiHeadAttention(string name, int size, int headCount, bool bias = true, int? keySize = null, int? valueSize = null,
        bool extraKey = false, bool zeroKey = false, DType dtype = DType.Float32)
    {
        if (headCount < 1 || size % headCount != 0) throw new ArgumentException($"MultiHeadAttention: headCount {headCount} must divide size {size}.");
        (_headCount, _zeroKey, _pattern) = (headCount, zeroKey, name + ".pattern");
        Query = new Linear(name + ".query", size, size, bias, dtype);
        Key = new Linear(name + ".key", keySize ?? size, size, bias, dtype);
        Value = new Linear(name + ".value", valueSize ?? size, size, bias, dtype);
        Output = new Linear(name + ".output", size, size, bias, dtype);
        if (!extraKey) return;
        ExtraKey = Parameter(name + ".extra_key", [size], dtype);
        ExtraValue = Parameter(name + ".extra_value", [size], dtype);
    }

    /// <summary>Makes queries.</summary>
    public Linear Query { get; }

    /// <summary>Makes keys.</summary>
    public Linear Key { get; }

    /// <summary>Makes values.</summary>
    public Linear Value { get; }

    /// <summary>Mixes the heads.</summary>
    public Linear Output { get; }

    /// <summary>The learned key, [C]; null where there is none.</summary>
    public Tensor? ExtraKey { get; }

    /// <summary>The learned value, [C]; null where there is none.</summary>
    public Tensor? ExtraValue { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters =>
    [
        .. Query.Parameters, .. Key.Parameters, .. Value.Parameters, .. Output.Parameters, .. ExtraKey is null ? (Tensor[])[] : [ExtraKey, ExtraValue!],
    ];

    /// <summary>Draws first weights as PyTorch's module does.</summary>
    /// <remarks>
    /// Queries, keys and values: uniform by Xavier, over the three as one matrix [3C, C] unless their input sizes differ; the output
    /// map as a linear layer; offsets 0; the learned key and value normal by Xavier.
    /// </remarks>
    public MultiHeadAttention Initialize(RandomGenerator generator)
    {
        int size = Output.Weight.Shape[0];
        bool packed = Key.Weight.Shape[1] == size && Value.Weight.Shape[1] == size;
        foreach (Linear map in (Linear[])[Query, Key, Value])
        {
            Initializers.Uniform(map.Weight, generator, Initializers.XavierBound(packed ? [3 * size, size] : map.Weight.Shape));
            map.Bias?.Detach().Fill(0);
        }
        Initializers.AffineDefault(Output.Weight, null, generator);
        Output.Bias?.Detach().Fill(0);
        // PyTorch's are [1, 1, C], so their fans are C and C · 1.
        if (ExtraKey is not null) Initializers.Normal(ExtraKey, generator, Initializers.XavierDeviation([1, 1, size]));
        if (ExtraValue is not null) Initializers.Normal(ExtraValue, generator, Initializers.XavierDeviation([1, 1, size]));
        return this;
    }

    /// <summary>Attends.</summary>
    /// <param name="query">What asks, [B, T, C].</param>
    /// <param name="key">What is asked, [B, S, Ck]; null for the query itself.</param>
    /// <param name="value">What is answered, [B, S, Cv]; null for the key.</param>
    /// <param name="mask">Broadcasts to [B, H, T, S]. Bool: true where a query may see a key. Real: added to the scaled products.</param>
    /// <param name="keyMask">[B, S] Bool: which keys are real; null means all.</param>
    /// <param name="causal">Query i sees the keys 0..i.</param>
    /// <param name="dropout">Applied to the pattern; null for none.</param>
    /// <returns>[B, T, C].</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public Tensor Forward(Tensor query, Tensor? key = null, Tensor? value = null, Tensor? mask = null, Tensor? keyMask = null, bool causal = false, Dropout? dropout = null) =>
        ForwardWithPattern(query, key, value, mask, keyMask, causal, dropout).Result;

    /// <summary>Attends, and says how: the pattern has a column for the learned key and one for the key of zeros, in this order, after the others.</summary>
    /// <returns>[B, T, C], and the weights [B, H, T, S].</returns>
    /// <inheritdoc cref="Forward"/>
    public (Tensor Result, Tensor Pattern) ForwardWithPattern(Tensor query, Tensor? key = null, Tensor? value = null, Tensor? mask = null, Tensor? keyMask = null,
        bool causal = false, Dropout? dropout = null)
    {
        key ??= query;
        value ??= key;
        if (query.Rank != 3 || key.Rank != 3 || value.Rank != 3 || key.Shape[0] != query.Shape[0] || value.Shape.With(2, 0) != key.Shape.With(2, 0))
            throw new ArgumentException($"MultiHeadAttention: query {query.Shape}, key {key.Shape} and value {value.Shape} must be [B, T, C], [B, S, Ck] and [B, S, Cv].");
        int B = query.Shape[0], T = query.Shape[1], S = key.Shape[1];
        Tensor? seen = Visible(mask, keyMask, causal, B, T, S);                     // broadcasts to [B, H, T, S]
        Tensor q = Heads(Query.Forward(query)), k = Key.Forward(key), v = Value.Forward(value);
        if (ExtraKey is not null) (k, v) = (Append(k, ExtraKey), Append(v, ExtraValue!)); // [B, S + 1, C]
        if (_zeroKey) (k, v) = (k.Pad(1, 0, 1), v.Pad(1, 0, 1));
        int added = k.Shape[1] - S;
        if (seen is not null && added > 0) seen = seen.Expand(seen.Shape.With(seen.Rank - 1, S)).Pad(-1, 0, added, value: seen.DType == DType.Bool ? 1 : 0);
        (k, v) = (Heads(k), Heads(v));                                              // [B, H, S, D]
        Tensor pattern = q.AttentionPattern(k, seen);                               // [B, H, T, S]
        if (dropout is not null) pattern = dropout.Apply(pattern, _pattern);
        Tensor mixed = pattern.MatMul(v).Transpose(1, 2).Reshape(B, T, -1);         // [B, T, C]
        return (Output.Forward(mixed), pattern);
    }

    // All masks as one; null where everything is seen.
    private static Tensor? Visible(Tensor? mask, Tensor? keyMask, bool causal, int B, int T, int S)
    {
        Tensor? seen = causal ? Triangles.UpperMask(T, S, 1).LogicalNot() : null;   // [T, S]
        if (keyMask is not null)
        {
            if (keyMask.Shape != new Shape(B, S) || keyMask.DType != DType.Bool) throw new ArgumentException($"MultiHeadAttention: the key mask is {keyMask.DType} {keyMask.Shape}, but must be Bool [{B}, {S}].");
            Tensor keys = keyMask.Reshape(B, 1, 1, S);
            seen = seen is null ? keys : seen.LogicalAnd(keys);
        }
        if (mask is null) return seen;
        if (mask.Rank < 2 || mask.Rank > 4) throw new ArgumentException($"MultiHeadAttention: mask {mask.Shape} does not broadcast to [{B}, H, {T}, {S}].");
        if (seen is null) return mask;
        return mask.DType == DType.Bool ? mask.LogicalAnd(seen) : mask.MaskedFill(seen.LogicalNot(), double.NegativeInfinity);
    }

    private Tensor Heads(Tensor x) => x.Reshape(x.Shape[0], x.Shape[1], _headCount, x.Shape[2] / _headCount).Transpose(1, 2); // [B, H, T, D]

    private static Tensor Append(Tensor x, Tensor extra) => Tensor.Concat([x, extra.Expand([x.Shape[0], 1, extra.Count])], 1);
}
