using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Parameters that are updated alike.</summary>
/// <param name="Parameters">The tensors, each with a name of its own.</param>
/// <param name="WeightDecay">How strongly they are pulled to zero.</param>
/// <param name="RateFactor">Multiplies the learning rate.</param>
public sealed record ParameterGroup(IReadOnlyList<Tensor> Parameters, double WeightDecay = 0, double RateFactor = 1)
{
    /// <summary>
    /// Matrices and tables decay, offsets and gains do not: what every GPT since GPT-2 does, since pulling a gain to zero
    /// silences its layer.
    /// </summary>
    public static ParameterGroup[] ByRank(IEnumerable<Tensor> parameters, double weightDecay)
    {
        ILookup<bool, Tensor> byRank = parameters.ToLookup(static p => p.Rank >= 2);
        return [new ParameterGroup([.. byRank[true]], weightDecay), new ParameterGroup([.. byRank[false]])];
    }
}

/// <summary>Moves parameters against their gradients.</summary>
public abstract class Optimizer
{
    /// <summary>Makes an optimizer of groups.</summary>
    /// <exception cref="ArgumentException">A parameter is in two groups.</exception>
    protected Optimizer(IReadOnlyList<ParameterGroup> groups)
    {
        Groups = groups;
        HashSet<Tensor> seen = [];
        foreach (Tensor parameter in groups.SelectMany(static g => g.Parameters))
            if (!seen.Add(parameter)) throw new ArgumentException($"Optimizer: {parameter.Name ?? "a parameter"} is in two groups.");
    }

    /// <summary>The groups, as given.</summary>
    public IReadOnlyList<ParameterGroup> Groups { get; }

    /// <summary>The number of updates made.</summary>
    public long StepCount { get; set; }

    /// <summary>
    /// What the optimizer remembers, by name (<c>moment1.blocks.0.norm.weight</c>): saved with a checkpoint, and written into to
    /// restore one. Complete from the start.
    /// </summary>
    public abstract IEnumerable<KeyValuePair<string, Tensor>> State { get; }

    /// <summary>Updates every parameter that has a gradient.</summary>
    /// <param name="learningRate">The rate of this step.</param>
    /// <param name="gradientScale">Multiplies every gradient first: the factor of clipping.</param>
    public abstract void Step(double learningRate, double gradientScale = 1);

    /// <summary>Forgets the gradients, keeping their memory.</summary>
    public void ClearGradients()
    {
        // By index: enumerating an interface would allocate in every step.
        for (int g = 0; g < Groups.Count; g++)
        {
            IReadOnlyList<Tensor> parameters = Groups[g].Parameters;
            for (int i = 0; i < parameters.Count; i++) parameters[i].ClearGrad();
        }
    }
}
