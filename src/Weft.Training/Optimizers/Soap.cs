using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Soap"/>.</summary>
public sealed record SoapOptions : MomentOptions
{
    /// <summary>β₁ = β₂ = 0.95, as the paper.</summary>
    public SoapOptions() => (Beta1, Beta2) = (0.95, 0.95);

    /// <summary>How much of the products is kept each step; 0, the default, means β₂.</summary>
    public double ProductBeta { get; init; }

    /// <summary>Steps between new bases. Default 10.</summary>
    public int BasisInterval { get; init; } = 10;

    /// <summary>Dimensions larger than this are left as they are. Default 10,000.</summary>
    public int LargestDimension { get; init; } = 10_000;

    /// <summary>Whether vectors are turned too.</summary>
    public bool TurnVectors { get; init; }

    /// <summary>Whether Adam's bias is corrected. Default: yes.</summary>
    public bool BiasCorrection { get; init; } = true;

    /// <summary>Whether updates are scaled to a root-mean-square of 1.</summary>
    public bool NormalizeUpdate { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        base.Validate();
        RequireShare(ProductBeta);
        Require(BasisInterval >= 1, BasisInterval, "must be at least 1");
    }
}

/// <summary>Adam in the eigenbasis of <see cref="Shampoo"/>'s matrices.</summary>
/// <remarks>
/// G' = Qₗᵀ G Qᵣ;  v = β₂ v + (1 - β₂) G'²;  p -= lr Qₗ (M' / (sqrt(v) + ε)) Qᵣᵀ; the bases follow by one power iteration and a QR
/// decomposition (Vyas et al. 2024, arXiv:2409.11321, algorithms 3 and 4). The first gradient only sets the bases.
/// </remarks>
public sealed class Soap(IReadOnlyList<ParameterGroup> groups, SoapOptions? options = null) : Optimizer<SoapOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, SoapOptions options)
    {
        yield return ("moment1", parameter.Shape);
        yield return ("moment2", parameter.Shape);
        for (int k = 0; k < parameter.Rank; k++)
        {
            Shape shape = IsTurned(parameter, k, options) ? [parameter.Shape[k], parameter.Shape[k]] : [0, 0];
            yield return ($"products{k}", shape);
            yield return ($"basis{k}", shape);
        }
    }

    private protected override void Update(Slot<SoapOptions> slot)
    {
        SoapOptions o = slot.Options;
        Tensor g = slot.Gradient();
        if (slot.Steps == 1)
        {
            UpdateProducts(slot, g);
            for (int k = 0; k < g.Rank; k++)
                if (slot.State[3 + 2 * k].Count > 0) slot.State[3 + 2 * k].CopyFrom(slot.State[2 + 2 * k].SymmetricEigen().Vectors.Flip(1));
            return;
        }
        double size = slot.Rate, t = slot.Steps - 1;
        if (o.BiasCorrection) size *= Math.Sqrt(1 - Math.Pow(o.Beta2, t)) / (1 - Math.Pow(o.Beta1, t));
        Tensor m = slot.Mix(0, o.Beta1, g, 1 - o.Beta1), v = slot.Mix(1, o.Beta2, Turn(slot, g, back: false).Square(), 1 - o.Beta2);
        Tensor update = Turn(slot, Turn(slot, m, back: false) / (v.Sqrt() + o.Epsilon), back: true);
        if (o.NormalizeUpdate) update /= Math.Sqrt(update.Square().Mean().Item()) + o.Epsilon;
        slot.Move(update, size);
        slot.Decay();
        UpdateProducts(slot, g);
        if ((long)t % o.BasisInterval == 0) UpdateBases(slot);
    }

    private static bool IsTurned(Tensor parameter, int dimension, SoapOptions options) =>
        parameter.Shape[dimension] <= options.LargestDimension && (parameter.Rank > 1 || options.TurnVectors);

    private static void UpdateProducts(Slot<SoapOptions> slot, Tensor g)
    {
        double beta = slot.Options.ProductBeta > 0 ? slot.Options.ProductBeta : slot.Options.Beta2;
        for (int k = 0; k < g.Rank; k++)
        {
            if (slot.State[2 + 2 * k].Count == 0) continue;
            Tensor turned = g.Transpose(0, k).Contiguous(), rows = turned.Reshape(turned.Shape[0], -1);            // [K, rest]
            slot.Mix(2 + 2 * k, beta, rows.MatMul(rows.Transpose()), 1 - beta);
        }
    }

    // One power iteration from the old basis, made orthogonal; the squares follow the order of the eigenvalues.
    private static void UpdateBases(Slot<SoapOptions> slot)
    {
        for (int k = 0; k < slot.Parameter.Rank; k++)
        {
            Tensor products = slot.State[2 + 2 * k], basis = slot.State[3 + 2 * k];
            if (products.Count == 0) continue;
            Tensor order = basis.Transpose().MatMul(products).MatMul(basis).Diagonal().Contiguous().ArgSort(-1, descending: true);
            slot.State[1].CopyFrom(slot.State[1].IndexSelect(k, order));
            basis.CopyFrom(Orthonormal.Columns(products.MatMul(basis.IndexSelect(1, order))));
        }
    }

    private static Tensor Turn(Slot<SoapOptions> slot, Tensor x, bool back)
    {
        for (int k = 0; k < x.Rank; k++)
        {
            Tensor basis = slot.State[3 + 2 * k];
            if (basis.Count == 0) continue;
            Tensor turned = x.Transpose(0, k).Contiguous();
            x = (back ? basis : basis.Transpose()).MatMul(turned.Reshape(turned.Shape[0], -1)).Reshape(turned.Shape).Transpose(0, k);
        }
        return x.Contiguous();
    }
}

/// <summary>Orthonormal bases.</summary>
internal static class Orthonormal
{
    /// <summary>The Q of a QR decomposition, by Gram-Schmidt twice over, in double precision. Shapes: [N, K] -> [N, K].</summary>
    internal static Tensor Columns(Tensor x)
    {
        Tensor rows = x.Transpose().To(DType.Float64).Contiguous();                                                 // [K, N]
        int K = rows.Shape[0], N = rows.Shape[1];
        Span<double> q = rows.AsSpan<double>();
        for (int i = 0; i < K; i++)
        {
            Span<double> row = q.Slice(i * N, N);
            for (int pass = 0; pass < 2; pass++)
                for (int j = 0; j < i; j++)
                {
                    ReadOnlySpan<double> earlier = q.Slice(j * N, N);
                    double along = System.Numerics.Tensors.TensorPrimitives.Dot<double>(earlier, row);
                    for (int n = 0; n < N; n++) row[n] -= along * earlier[n];
                }
            double norm = System.Numerics.Tensors.TensorPrimitives.Norm<double>(row);
            if (norm > 0) System.Numerics.Tensors.TensorPrimitives.Divide(row, norm, row);
        }
        return rows.Transpose().Contiguous().To(x.DType);
    }
}
