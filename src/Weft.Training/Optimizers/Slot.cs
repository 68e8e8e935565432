using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>One parameter with all that its optimizer remembers of it, and the numbers of the step in progress.</summary>
internal sealed class Slot<TOptions> where TOptions : OptimizerOptions
{
    internal Slot(Tensor parameter, ParameterGroup group, TOptions options, string[] names, Tensor[] state, int numberCount)
    {
        (Parameter, Group, Options, Names, State) = (parameter, group, options, names, state);
        Scalars = Tensor.Zeros([1 + numberCount], DType.Float64);
    }

    internal Tensor Parameter { get; }

    internal ParameterGroup Group { get; }

    internal TOptions Options { get; }

    internal string[] Names { get; }

    internal Tensor[] State { get; }

    /// <summary>The step count and the rule's own numbers, in double precision.</summary>
    internal Tensor Scalars { get; }

    /// <summary>Updates of this parameter, the one in progress included.</summary>
    internal double Steps => Scalars.AsSpan<double>()[0];

    /// <summary>The rate of this step, with the group's factor.</summary>
    internal double Rate { get; private set; }

    /// <summary>What the stored gradient is multiplied by.</summary>
    internal double Scale { get; set; }

    /// <summary>Whether the parameter has a gradient in this step.</summary>
    internal bool IsActive { get; private set; }

    /// <summary>The gradient as it is stored, contiguous.</summary>
    internal Tensor StoredGradient { get; private set; } = null!;

    /// <summary>λ of g += λ p; 0 unless decay is coupled.</summary>
    internal double CoupledDecay => Group.L2 + (Options.Decay == DecayForm.Coupled ? Group.WeightDecay : 0);

    /// <summary>What is left of the weights after decay; 1 if decay is coupled.</summary>
    internal double Kept => KeptAt(Rate, Group.WeightDecay);

    /// <summary>One of the rule's own numbers.</summary>
    internal ref double Number(int index) => ref Scalars.AsSpan<double>()[1 + index];

    internal void Begin(double learningRate, double gradientScale, long step)
    {
        IsActive = Parameter.Grad is not null;
        if (!IsActive) return;
        StoredGradient = Parameter.Grad!.IsContiguous ? Parameter.Grad : Parameter.Grad.Contiguous();
        Rate = (Group.Schedule?.At(step) ?? learningRate) * Group.RateFactor;
        Scale = Options.Maximize ? -gradientScale : gradientScale;
        Scalars.AsSpan<double>()[0]++;
    }

    private double KeptAt(double rate, double decay) => Options.Decay switch
    {
        DecayForm.Decoupled => 1 - rate * decay,
        DecayForm.Fixed => 1 - decay,
        _ => 1,
    };

    /// <summary>The gradient, scaled, with the group's L2 penalty but without the optimizer's own decay; a tensor of its own.</summary>
    internal Tensor ScaledGradient() => Group.L2 == 0 ? StoredGradient * Scale : StoredGradient * Scale + Parameter * Group.L2;

    /// <summary>The gradient that the rule sees: scaled, with coupled decay; a tensor of its own.</summary>
    internal Tensor Gradient() => CoupledDecay == 0 ? StoredGradient * Scale : StoredGradient * Scale + Parameter * CoupledDecay;

    /// <summary>state = keep · state + share · value; gives the state.</summary>
    internal Tensor Mix(int index, double keep, Tensor value, double share) => State[index].CopyFrom(State[index] * keep + value * share);

    /// <summary>Decays the weights, unless decay is coupled.</summary>
    internal void Decay() => Decay(Rate);

    /// <summary>Decays the weights at a rate, or by a λ, other than the step's.</summary>
    internal void Decay(double rate, double? decay = null)
    {
        double kept = KeptAt(rate, decay ?? Group.WeightDecay);
        if (kept != 1) Parameter.CopyFrom(Parameter * kept);
    }

    /// <summary>p -= length · direction.</summary>
    internal void Move(Tensor direction, double length) => Parameter.CopyFrom(Parameter - direction * length);

    /// <summary>Applies a rule to every element, on all threads.</summary>
    internal void Apply<TRule>(TRule rule) where TRule : struct, IUpdateRule =>
        ElementwiseUpdate.Run(Parameter, StoredGradient, State, new UpdateFactors(Scale, CoupledDecay, Kept), rule);
}
