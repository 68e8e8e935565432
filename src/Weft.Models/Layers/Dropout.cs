using Weft.Tensors;

namespace Weft.Models.Layers;

/// <summary>Silences activations during training, so that no unit can rely on another (Srivastava et al. 2014).</summary>
/// <remarks>What is kept is divided by 1 - p, so that the expected value stays. A forward pass without dropout passes null.</remarks>
public abstract class Dropout
{
    /// <summary>Applies dropout to the activation of the given name, such as <c>blocks.0.attention.pattern</c>. The shape stays.</summary>
    public abstract Tensor Apply(Tensor x, string site);

    /// <summary>Whether it does anything to attention patterns; if not, attention need not lay them out.</summary>
    public virtual bool TouchesAttention => true;

    /// <summary>Where the source of masks stands: a pass that is made again goes back to where the first began. 0 for masks that depend on the name alone.</summary>
    public virtual ulong Position
    {
        get => 0;
        set
        {
        }
    }
}

/// <summary>Dropout that draws which activations to keep.</summary>
/// <remarks>
/// The masks are a function of the generator's seed and of how many elements were drawn before, so a resumed run and any number
/// of threads give the same ones.
/// </remarks>
public sealed class RandomDropout(double probability, RandomGenerator generator) : Dropout
{
    /// <inheritdoc/>
    public override Tensor Apply(Tensor x, string site) => x.Dropout(probability, generator);

    /// <inheritdoc/>
    public override ulong Position
    {
        get => generator.Position;
        set => generator.Position = value;
    }
}
