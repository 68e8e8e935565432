namespace Weft.Tensors.Autograd;

/// <summary>Forgets what is inside a part of a model and computes it again in the backward pass.</summary>
/// <remarks>
/// Memory then grows with the largest part instead of with all of them, for one more forward pass (Chen et al. 2016,
/// arXiv:1604.06174). The second computation makes the same bits as the first, so gradients are those without it.
/// </remarks>
public static class ActivationCheckpoint
{
    /// <summary>y = function(state, x), of which only x and y are kept; without gradients too.</summary>
    /// <param name="state">What the function needs besides x; a structure, so that nothing is allocated.</param>
    /// <param name="x">What flows in; its gradient flows out.</param>
    /// <param name="function">Without effects, and with the same result each time: one that draws random numbers goes back to where it stood.</param>
    /// <param name="parameters">Every parameter that the function uses.</param>
    public static Tensor Run<TState>(TState state, Tensor x, Func<TState, Tensor, Tensor> function, params ReadOnlySpan<Tensor?> parameters) where TState : struct
    {
        bool records = GradMode.Records(x);
        foreach (Tensor? parameter in parameters) records |= parameter is not null && GradMode.Records(parameter);
        Tensor y;
        using (MemoryScope inner = MemoryScope.Enter())
        {
            using GradMode.Restorer mode = GradMode.Off();
            y = function(state, x).Contiguous();
            inner.HandToOuter(y);
        }
        if (!records) return y;
        CheckpointNode<TState> node = CheckpointNode<TState>.Rent();
        (node.State, node.Function, node.Precision) = (state, function, ProductPrecision.Current);
        node.Connect(y, x, parameters);
        return y;
    }

    // y = f(x)   =>   f is recorded now, and its own nodes pass dy on
    private sealed class CheckpointNode<TState> : Node<CheckpointNode<TState>> where TState : struct
    {
        internal TState State;
        internal Func<TState, Tensor, Tensor> Function = null!;
        internal Precision Precision;

        internal override string Operation => "ActivationCheckpoint";

        internal override Tensor Composition()
        {
            using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
            using GradMode.Restorer mode = GradMode.On();
            return Function(State, Input(0));
        }

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            if (!pass.IntoGrad)
            {
                pass.ThroughComposition(this, Composition(), dy);
                return;
            }
            Tensor x = Input(0);
            bool accumulate = false;
            Tensor? dx = pass.Needs(x) ? pass.Target(x, out accumulate) : null;
            using MemoryScope inner = MemoryScope.Enter();
            Tensor source = x.Detach().RequireGrad(), y;
            using (ProductPrecision.Use(Precision))
            using (GradMode.On()) y = Function(State, source);
            if (BackwardPass.Inside(y, dy, source) is not { } gradient || dx is null) return;
            if (accumulate) InPlace.Add(dx, gradient);
            else dx.CopyFrom(gradient);
        }

        protected override void Clear() => (State, Function) = (default, null!);
    }
}
