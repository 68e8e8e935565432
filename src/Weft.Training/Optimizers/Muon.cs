using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>How <see cref="Muon"/> fits its rate to a matrix of rows by columns.</summary>
public enum MuonRate
{
    /// <summary>lr · sqrt(max(1, rows / columns)) (Jordan et al. 2024).</summary>
    Original,

    /// <summary>0.2 lr · sqrt(max(rows, columns)): updates as large as AdamW's, so that its rates and decays can be kept (Liu et al. 2025, arXiv:2502.16982, eq. 4).</summary>
    MatchAdamW,
}

/// <summary>Options of <see cref="Muon"/>; the defaults are torch's.</summary>
public sealed record MuonOptions : OptimizerOptions
{
    /// <summary>How much of the mean gradient is kept each step. Default 0.95.</summary>
    public double Momentum { get; init; } = 0.95;

    /// <summary>Whether the direction looks one step ahead. Default: yes.</summary>
    public bool Nesterov { get; init; } = true;

    /// <summary>Repetitions of the Newton-Schulz iteration. Default 5.</summary>
    public int NewtonSchulzSteps { get; init; } = 5;

    /// <summary>The iteration's first coefficient.</summary>
    public double CoefficientA { get; init; } = 3.4445;

    /// <summary>The iteration's second coefficient.</summary>
    public double CoefficientB { get; init; } = -4.7750;

    /// <summary>The iteration's third coefficient.</summary>
    public double CoefficientC { get; init; } = 2.0315;

    /// <summary>The least norm that is divided by. Default 1e-7.</summary>
    public double Epsilon { get; init; } = 1e-7;

    /// <summary>How the rate is fitted to a matrix's shape.</summary>
    public MuonRate RateFit { get; init; }

    /// <summary>Whether the iteration rounds to bfloat16, as torch does. Default: no; on a CPU it would save nothing.</summary>
    public bool BFloat16 { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        RequireShare(Momentum);
        Require(NewtonSchulzSteps is >= 1 and < 100, NewtonSchulzSteps, "must be between 1 and 99");
        RequireNotNegative(Epsilon);
    }
}

/// <summary>Momentum whose update is made orthogonal: every direction of a matrix moves by the same length. For hidden matrices.</summary>
/// <remarks>
/// m = μ m + (1 - μ) g;  u = g + μ (m - g) with Nesterov, else m;  p = (1 - lr λ) p - fitted(lr) · <see cref="NewtonSchulz.Orthogonalize">Orthogonalize</see>(u)
/// (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; the form of torch.optim.Muon). Embeddings, heads,
/// gains and offsets belong to <see cref="AdamW"/>: see <see cref="OptimizerPair"/>. A tensor of higher rank counts as a matrix of its first dimension by the rest.
/// </remarks>
public sealed class Muon : Optimizer<MuonOptions>
{
    /// <summary>Makes the optimizer with a momentum of zero.</summary>
    /// <param name="groups">What it updates: matrices.</param>
    /// <param name="options">Its options.</param>
    /// <exception cref="ArgumentException">A parameter is a vector.</exception>
    public Muon(IReadOnlyList<ParameterGroup> groups, MuonOptions? options = null) : base(groups, options)
    {
        foreach (Tensor parameter in groups.SelectMany(static g => g.Parameters))
            if (parameter.Rank < 2) throw new ArgumentException($"Muon: {parameter.Name ?? "a parameter"} {parameter.Shape} is not a matrix; give it to AdamW.");
    }

    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, MuonOptions options) => [("momentum", parameter.Shape)];

    private protected override void Update(Slot<MuonOptions> slot)
    {
        MuonOptions o = slot.Options;
        int rows = slot.Parameter.Shape[0], columns = slot.Parameter.Count / rows;
        Tensor g = slot.Gradient(), m = slot.Mix(0, o.Momentum, g, 1 - o.Momentum), u = o.Nesterov ? g.Lerp(m, o.Momentum) : m;
        Tensor update = NewtonSchulz.Orthogonalize(u.Reshape(rows, columns), o.NewtonSchulzSteps, o.CoefficientA, o.CoefficientB, o.CoefficientC, o.Epsilon, o.BFloat16);
        double fit = o.RateFit == MuonRate.MatchAdamW ? 0.2 * Math.Sqrt(Math.Max(rows, columns)) : Math.Sqrt(Math.Max(1, (double)rows / columns));
        slot.Decay();
        slot.Move(update.Reshape(slot.Parameter.Shape), slot.Rate * fit);
    }
}
