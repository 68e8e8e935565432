using Weft.Tensors;

namespace Weft.Models.StateSpace;

/// <summary>What the forward pass of a state-space model takes besides token ids.</summary>
public sealed class StateSpaceSettings
{
    /// <summary>What was kept of the tokens before; the new ones are added. Null computes everything anew.</summary>
    public StateSpaceCache? Cache { get; init; }

    /// <summary>Which of the given tokens are real, [B, T] Bool; null means all.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>Called with each named activation, such as <c>blocks.0.residual</c>; null costs nothing.</summary>
    public Action<string, Tensor>? Tap { get; init; }
}
