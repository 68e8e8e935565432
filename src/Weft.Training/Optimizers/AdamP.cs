using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="AdamP"/>; the defaults are the paper's.</summary>
public sealed record AdamPOptions : MomentOptions
{
    /// <summary>How small the cosine between weights and gradient must be for weights to count as free of scale. Default 0.1.</summary>
    public double Delta { get; init; } = 0.1;

    /// <summary>Multiplies the decay of such weights. Default 0.1.</summary>
    public double DecayRatio { get; init; } = 0.1;

    /// <summary>Whether the direction looks one step ahead.</summary>
    public bool Nesterov { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireShare(DecayRatio);
    }
}

/// <summary>Adam that leaves out the part of an update along the weights where their scale has no effect, so that they do not grow.</summary>
/// <remarks>If cos(g, p) &lt; δ / sqrt(size) for every row, or for the whole, the update loses its part along p   (Heo et al. 2021, arXiv:2006.08217, algorithm 3).</remarks>
public sealed class AdamP(IReadOnlyList<ParameterGroup> groups, AdamPOptions? options = null) : Optimizer<AdamPOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, AdamPOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<AdamPOptions> slot)
    {
        AdamPOptions o = slot.Options;
        Tensor p = slot.Parameter, g = slot.Gradient(), m = slot.Mix(0, o.Beta1, g, 1 - o.Beta1), v = slot.Mix(1, o.Beta2, g.Square(), 1 - o.Beta2);
        Tensor inverse = (v.Sqrt() + o.Epsilon).Reciprocal() * Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps));
        Tensor update = o.Nesterov ? m * o.Beta1 + g * inverse * (1 - o.Beta1) : m * inverse;
        double ratio = 1;
        if (p.Rank > 1)
        {
            int rows = p.Shape[0];
            if (Project(rows, p.Count / rows) is { } byRow) (update, ratio) = (byRow, o.DecayRatio);
            else if (Project(1, p.Count) is { } whole) (update, ratio) = (whole, o.DecayRatio);
        }
        slot.Decay(slot.Rate * ratio);
        slot.Move(update, slot.Rate / (1 - Math.Pow(o.Beta1, slot.Steps)));

        Tensor? Project(int rows, int width)
        {
            Tensor weights = p.Reshape(rows, width), cosine = g.Reshape(rows, width).CosineSimilarity(weights, 1, o.Epsilon).Absolute();
            if (cosine.Max().Item() >= o.Delta / Math.Sqrt(width)) return null;
            Tensor unit = weights / (weights.Norm(2, keepDimensions: true, 1) + o.Epsilon), flat = update.Reshape(rows, width);     // [rows, width]
            return (flat - unit * (unit * flat).Sum(1, keepDimension: true)).Reshape(p.Shape);
        }
    }
}
