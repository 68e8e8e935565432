using System.Numerics;
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
    internal double Scale { get; private set; }

    /// <summary>Whether the parameter has a gradient in this step.</summary>
    internal bool IsActive { get; private set; }

    /// <summary>The gradient as it is stored, contiguous.</summary>
    internal Tensor StoredGradient { get; private set; } = null!;

    /// <summary>λ of g += λ p; 0 unless decay is coupled.</summary>
    internal double CoupledDecay => Group.L2 + (Options.Decay == DecayForm.Coupled ? Group.WeightDecay : 0);

    /// <summary>What is left of the weights after decay; 1 if decay is coupled.</summary>
    internal double Kept => KeptAt(Rate);

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

    /// <summary>What is left of the weights after decay at a rate other than the step's.</summary>
    internal double KeptAt(double rate) => Options.Decay switch
    {
        DecayForm.Decoupled => 1 - rate * Group.WeightDecay,
        DecayForm.Fixed => 1 - Group.WeightDecay,
        _ => 1,
    };

    /// <summary>The gradient, scaled, without any decay; a tensor of its own.</summary>
    internal Tensor ScaledGradient() => StoredGradient * Scale;

    /// <summary>The gradient that the rule sees: scaled, with coupled decay; a tensor of its own.</summary>
    internal Tensor Gradient() => CoupledDecay == 0 ? ScaledGradient() : ScaledGradient() + Parameter * CoupledDecay;

    /// <summary>Applies a rule to every element, on all threads.</summary>
    internal void Apply<TRule>(TRule rule) where TRule : struct, IUpdateRule =>
        ElementwiseUpdate.Run(Parameter, StoredGradient, State, new UpdateFactors(Scale, CoupledDecay, Kept), rule);
}
