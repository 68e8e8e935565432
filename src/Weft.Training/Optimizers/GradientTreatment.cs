using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

/// <summary>What is done to gradients before their norm is clipped: noise, limits by value, limits by the size of the weights.</summary>
public sealed class GradientTreatment
{
    // γ of Neelakantan et al. 2015, eq. 1.
    private const double NoiseDecay = 0.55;

    /// <summary>The largest absolute value; 0 for no limit.</summary>
    public double ClipValue { get; init; }

    /// <summary>Adaptive clipping: the largest norm of a row's gradient as a share λ of its weights' norm; 0 for no limit (Brock et al. 2021, arXiv:2102.06171, eq. 3).</summary>
    public double AdaptiveClip { get; init; }

    /// <summary>η of Gaussian noise of variance η / (1 + t)^0.55; 0 for none (Neelakantan et al. 2015, arXiv:1511.06807, eq. 1).</summary>
    public double Noise { get; init; }

    /// <summary>Draws the noise.</summary>
    public RandomGenerator? Generator { get; init; }

    /// <summary>Whether anything is to be done.</summary>
    public bool Any => ClipValue > 0 || AdaptiveClip > 0 || Noise > 0;

    /// <summary>Changes the gradients of a step in place. The noise depends on the step alone, so that a resumed run goes on with the same.</summary>
    public void Apply(IReadOnlyList<Tensor> parameters, long step)
    {
        using GradMode.Restorer mode = GradMode.Off();
        if (Noise > 0) Generator!.Position = (ulong)step << 40;
        for (int i = 0; i < parameters.Count && Noise > 0; i++)
        {
            if (parameters[i].Grad is not { } gradient) continue;
            using MemoryScope scope = MemoryScope.Enter();
            gradient.CopyFrom(gradient + Generator!.FillGaussian(Tensor.Uninitialized(gradient.Shape, gradient.DType), 0, Math.Sqrt(Noise / Math.Pow(1 + step, NoiseDecay))));
        }
        using MemoryScope all = MemoryScope.Enter();
        if (ClipValue > 0) GradientClipping.ClipValue(parameters, ClipValue);
        if (AdaptiveClip > 0) GradientClipping.ClipAdaptive(parameters, AdaptiveClip);
    }
}
