using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Shampoo"/>.</summary>
public sealed record ShampooOptions : OptimizerOptions
{
    /// <summary>Coupled decay.</summary>
    public ShampooOptions() => Decay = DecayForm.Coupled;

    /// <summary>How much of the last update is mixed into the gradient. Default 0.</summary>
    public double Momentum { get; init; }

    /// <summary>Steps between new roots. Default 1.</summary>
    public int RootInterval { get; init; } = 1;

    /// <summary>What the diagonals start from. Default 1e-6.</summary>
    public double MatrixEpsilon { get; init; } = 1e-6;

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Momentum);
        Require(RootInterval >= 1, RootInterval, "must be at least 1");
        Require(MatrixEpsilon > 0, MatrixEpsilon, "must be positive");
    }
}

/// <summary>Every dimension of a parameter has a matrix of its gradients' products, whose inverse root the gradient is multiplied by.</summary>
/// <remarks>Lₖ += Gₖ Gₖᵀ for each of k dimensions;  update = G ×ₖ Lₖ^(-1 / 2k)   (Gupta et al. 2018, arXiv:1802.09568, algorithm 2). The roots are found in double precision.</remarks>
public sealed class Shampoo(IReadOnlyList<ParameterGroup> groups, ShampooOptions? options = null) : Optimizer<ShampooOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, ShampooOptions options)
    {
        for (int k = 0; k < parameter.Rank; k++)
        {
            yield return ($"products{k}", [parameter.Shape[k], parameter.Shape[k]]);
            yield return ($"root{k}", [parameter.Shape[k], parameter.Shape[k]]);
        }
        if (options.Momentum > 0) yield return ("momentum", parameter.Shape);
    }

    private protected override void Update(Slot<ShampooOptions> slot)
    {
        ShampooOptions o = slot.Options;
        int rank = slot.Parameter.Rank;
        Tensor g = slot.StoredGradient * slot.Scale;
        if (o.Momentum > 0) g = slot.Steps == 1 ? g : g * (1 - o.Momentum) + slot.State[^1] * o.Momentum;
        if (slot.CoupledDecay > 0) g += slot.Parameter * slot.CoupledDecay;
        Tensor update = g;
        for (int k = 0; k < rank; k++)
        {
            Tensor products = slot.State[2 * k], root = slot.State[2 * k + 1];
            Tensor turned = update.Transpose(0, k).Contiguous(), rows = turned.Reshape(turned.Shape[0], -1);       // [K, rest]
            Tensor raw = g.Transpose(0, k).Contiguous().Reshape(rows.Shape), sum = products + raw.MatMul(raw.Transpose());     // [K, rest], [K, K]
            products.CopyFrom(slot.Steps == 1 ? sum + Tensor.Identity(rows.Shape[0], g.DType) * o.MatrixEpsilon : sum);
            if ((long)slot.Steps % o.RootInterval == 0) root.CopyFrom(MatrixRoots.Inverse(products, 2 * rank));
            update = root.MatMul(rows).Reshape(turned.Shape).Transpose(0, k);                                       // as the parameter
        }
        if (o.Momentum > 0) slot.State[^1].CopyFrom(update);
        slot.Decay();
        slot.Move(update, slot.Rate);
    }
}

/// <summary>Powers of symmetric matrices.</summary>
internal static class MatrixRoots
{
    /// <summary>x^(-1 / root) of a symmetric positive matrix. Shapes: [K, K] -> [K, K].</summary>
    internal static Tensor Inverse(Tensor x, double root)
    {
        (Tensor values, Tensor vectors) = x.To(DType.Float64).SymmetricEigen();                                     // [K], [K, K]
        return (vectors * values.Maximum(double.Epsilon).Pow(-1 / root).Unsqueeze(0)).MatMul(vectors.Transpose()).To(x.DType);
    }
}
