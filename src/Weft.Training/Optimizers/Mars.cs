using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>What <see cref="Mars"/> makes of its corrected gradient.</summary>
public enum MarsKind
{
    /// <summary>The step of AdamW.</summary>
    AdamW,

    /// <summary>The sign of the mean.</summary>
    Lion,

    /// <summary>The orthogonalized mean; vectors as AdamW.</summary>
    Shampoo,
}

/// <summary>Options of <see cref="Mars"/>.</summary>
public sealed record MarsOptions : MomentOptions
{
    /// <summary>β₁ 0.95 and β₂ 0.99, as the paper.</summary>
    public MarsOptions() => (Beta1, Beta2) = (0.95, 0.99);

    /// <summary>How strongly the change of the gradient corrects it: γ. Default 0.025.</summary>
    public double Gamma { get; init; } = 0.025;

    /// <summary>What is made of the corrected gradient.</summary>
    public MarsKind Kind { get; init; }

    /// <summary>Whether vectors are corrected too; else they take AdamW's step.</summary>
    public bool CorrectVectors { get; init; }

    /// <summary>Multiplies the rate of vectors that are not corrected. Default 1.</summary>
    public double VectorRateFactor { get; init; } = 1;

    /// <summary>β₁ of vectors that are not corrected. Default 0.9.</summary>
    public double VectorBeta1 { get; init; } = 0.9;

    /// <summary>β₂ of vectors that are not corrected. Default 0.95.</summary>
    public double VectorBeta2 { get; init; } = 0.95;

    /// <summary>The decay of vectors that are not corrected; null, the default, for the group's.</summary>
    public double? VectorDecay { get; init; }

    /// <summary>Whether the largest mean square so far is divided by.</summary>
    public bool AmsGrad { get; init; }

    /// <summary>Whether values whose mean disagrees with the gradient stay (Liang et al. 2024, arXiv:2411.16085).</summary>
    public bool Cautious { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireShare(VectorBeta1);
        RequireShare(VectorBeta2);
    }
}

/// <summary>Gradients corrected by how they changed, for less noise: variance reduction for large models.</summary>
/// <remarks>c = g + γ β₁ / (1 - β₁) (g - g₋), clipped to norm 1;  then AdamW, Lion or Shampoo on c   (Yuan et al. 2024, arXiv:2411.10438, algorithm 2; the approximate form, with the last step's own gradient).</remarks>
public sealed class Mars(IReadOnlyList<ParameterGroup> groups, MarsOptions? options = null) : Optimizer<MarsOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, MarsOptions options)
    {
        yield return ("moment1", parameter.Shape);
        yield return ("moment2", parameter.Shape);
        yield return ("gradient", parameter.Shape);
        if (options.AmsGrad) yield return ("largest2", parameter.Shape);
    }

    private protected override void Update(Slot<MarsOptions> slot)
    {
        MarsOptions o = slot.Options;
        bool matrix = slot.Parameter.Rank >= 2, corrected = matrix || o.CorrectVectors;
        double beta1 = corrected ? o.Beta1 : o.VectorBeta1, beta2 = corrected ? o.Beta2 : o.VectorBeta2, rate = corrected ? slot.Rate : slot.Rate * o.VectorRateFactor;
        Tensor g = slot.Gradient(), c = g;
        if (corrected)
        {
            c = (g - slot.State[2]) * (o.Gamma * (beta1 / (1 - beta1))) + g;
            double norm = GradientClipping.Norm(c);
            if (norm > 1) c /= norm;
        }
        Tensor m = slot.Mix(0, beta1, c, 1 - beta1), update = o.Cautious ? Cautious.Mask(m, g) : m;
        if (o.Kind == MarsKind.AdamW || !corrected || (o.Kind == MarsKind.Shampoo && !matrix))
        {
            Tensor v = slot.Mix(1, beta2, c.Square(), 1 - beta2);
            if (o.AmsGrad)
            {
                slot.State[3].CopyFrom(slot.State[3].Maximum(v));
                v = slot.State[3];
            }
            double scale = (1 - Math.Pow(beta1, slot.Steps)) / Math.Sqrt(1 - Math.Pow(beta2, slot.Steps));
            update /= ((v + SquareFloor.Value).Sqrt() + o.Epsilon) * scale;
        }
        else if (o.Kind == MarsKind.Lion)
            update = update.Sign();
        else
        {
            int rows = g.Shape[0], columns = g.Count / rows;
            update = (NewtonSchulz.Orthogonalize((update * (1 / (1 - beta1))).Reshape(rows, columns), epsilon: o.Epsilon) * Math.Sqrt(Math.Max(1, (double)rows / columns))).Reshape(g.Shape);
        }
        slot.Decay(rate, corrected ? null : o.VectorDecay);
        slot.Move(update, rate);
        slot.State[2].CopyFrom(g);
    }
}

/// <summary>Updates that never go against the gradient.</summary>
internal static class Cautious
{
    /// <summary>Leaves out what disagrees in sign with the gradient and scales up the rest (Liang et al. 2024, arXiv:2411.16085, algorithm 2).</summary>
    internal static Tensor Mask(Tensor update, Tensor gradient)
    {
        Tensor agrees = (update * gradient).Greater(0).To(update.DType);
        return update * agrees * (agrees.Count / (agrees.Sum().Item() + 1));
    }
}
