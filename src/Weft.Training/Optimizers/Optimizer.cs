using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

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
    public virtual long StepCount { get; set; }

    /// <summary>
    /// What the optimizer remembers, by name (<c>moment1.blocks.0.norm.weight</c>): saved with a checkpoint, and written into to
    /// restore one. Complete from the start, so that a restored optimizer goes on with the same bits.
    /// </summary>
    public abstract IEnumerable<KeyValuePair<string, Tensor>> State { get; }

    /// <summary>Updates every parameter that has a gradient; the others are left alone, with all that is remembered of them.</summary>
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

/// <summary>An optimizer with options, which keeps some tensors for each parameter.</summary>
/// <remarks>A rule says what it remembers of a parameter (<see cref="Remember"/>) and how one is updated (<see cref="Update"/>); all else is here.</remarks>
public abstract class Optimizer<TOptions> : Optimizer where TOptions : OptimizerOptions, new()
{
    private Slot<TOptions>[]? _slots;

    private protected Optimizer(IReadOnlyList<ParameterGroup> groups, TOptions? options) : base(groups)
    {
        Options = options ?? new TOptions();
        Options.Validate();
        foreach (ParameterGroup group in groups)
        {
            if (group.Options is not (null or TOptions)) throw new ArgumentException($"{GetType().Name}: a group has {group.Options.GetType().Name}, not {typeof(TOptions).Name}.");
            group.Options?.Validate();
        }
    }

    /// <summary>The options of groups that have none of their own.</summary>
    public TOptions Options { get; }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> State =>
        from slot in Slots
        from entry in slot.State.Zip(slot.Names, static (tensor, name) => (Name: name, Tensor: tensor)).Append((Name: "step", Tensor: slot.Scalars))
        select KeyValuePair.Create($"{entry.Name}.{slot.Parameter.Name}", entry.Tensor);

    // Made at the first use, when the constructor of the rule has run.
    private protected Slot<TOptions>[] Slots => _slots ??= CreateSlots();

    /// <inheritdoc/>
    public sealed override void Step(double learningRate, double gradientScale = 1)
    {
        Slot<TOptions>[] slots = Slots;
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        foreach (Slot<TOptions> slot in slots) slot.Begin(learningRate, gradientScale, StepCount);
        StepCount++;
        UpdateAll(slots);
        foreach (Slot<TOptions> slot in slots)
            if (slot.IsActive && slot.Group.L1 > 0) Proximal.SoftThreshold(slot.Parameter, slot.Rate * slot.Group.L1);
    }

    /// <summary>The tensors that are kept for a parameter, beside some numbers.</summary>
    private protected abstract IEnumerable<(string Name, Shape Shape)> Remember(Tensor parameter, TOptions options);

    /// <summary>How many numbers are kept for each parameter beside its step count.</summary>
    private protected virtual int NumberCount => 0;

    /// <summary>Updates one parameter.</summary>
    private protected abstract void Update(Slot<TOptions> slot);

    /// <summary>Updates all of them: for rules that look at all gradients together.</summary>
    private protected virtual void UpdateAll(ReadOnlySpan<Slot<TOptions>> slots)
    {
        foreach (Slot<TOptions> slot in slots)
        {
            if (!slot.IsActive) continue;
            // What one parameter needs is done with before the next: the peak is that of the largest.
            using MemoryScope scope = MemoryScope.Enter();
            Update(slot);
        }
    }

    /// <summary>The norm of all gradients together, as they are scaled.</summary>
    private protected static double Norm(ReadOnlySpan<Slot<TOptions>> slots)
    {
        double sum = 0;
        foreach (Slot<TOptions> slot in slots) if (slot.IsActive) sum += GradientClipping.SumOfSquares(slot.StoredGradient) * slot.Scale * slot.Scale;
        return Math.Sqrt(sum);
    }

    private Slot<TOptions>[] CreateSlots()
    {
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        List<Slot<TOptions>> slots = [];
        foreach (ParameterGroup group in Groups)
        {
            TOptions options = (TOptions?)group.Options ?? Options;
            foreach (Tensor parameter in group.Parameters)
            {
                (string Name, Shape Shape)[] entries = [.. Remember(parameter, options)];
                slots.Add(new Slot<TOptions>(
                    parameter, group, options, [.. entries.Select(static e => e.Name)], [.. entries.Select(e => Tensor.Zeros(e.Shape, parameter.DType))], NumberCount));
            }
        }
        return [.. slots];
    }
}
