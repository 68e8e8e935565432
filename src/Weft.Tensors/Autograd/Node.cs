namespace Weft.Tensors.Autograd;

/// <summary>One recorded operation: what went in, what came out, and how gradients pass back through it.</summary>
/// <remarks>
/// Each differentiable operation derives one sealed class from this beside its forward method. Nodes have a single output; an
/// operation with several results packs them into one tensor and returns views. Inside a <see cref="MemoryScope"/> nodes are
/// reused, so a node keeps nothing in fields that <see cref="Clear"/> does not drop.
/// </remarks>
internal abstract class Node
{
    private static long s_lastOrder;
    private Tensor?[] _inputs = new Tensor?[4];

    /// <summary>Nodes are numbered as they are made, so descending order is a topological order of the backward pass.</summary>
    internal long Order { get; private set; }

    /// <summary>The last backward pass that visited this node.</summary>
    internal long VisitedBy { get; set; }

    /// <summary>How often that pass found the output among the inputs of others.</summary>
    internal int Uses { get; set; }

    internal int InputCount { get; private set; }

    internal Tensor Output { get; private set; } = null!;

    /// <summary>The operation's name in messages.</summary>
    internal abstract string Operation { get; }

    /// <summary>Passes dL/d(output) on to the inputs, by <see cref="BackwardPass.Add"/> or <see cref="BackwardPass.Target"/>.</summary>
    internal abstract void Backward(Tensor dy, BackwardPass pass);

    /// <summary>
    /// The same result from operations that are differentiable twice, or null if <see cref="Backward"/> itself consists of
    /// such operations. A fused node gives it, so that second derivatives exist without a hand-written one.
    /// </summary>
    internal virtual Tensor? Composition() => null;

    /// <summary>Drops what a derived class keeps.</summary>
    protected virtual void Clear()
    {
    }

    /// <summary>Puts the node back where <see cref="NodePool{T}"/> finds it.</summary>
    protected abstract void ReturnToPool();

    internal Tensor Input(int index) => _inputs[index]!; // null only where an optional input was not given

    internal void Recycle()
    {
        Array.Clear(_inputs, 0, InputCount);
        InputCount = 0;
        Output = null!;
        Clear();
        ReturnToPool();
    }

    internal void Connect(Tensor output, params ReadOnlySpan<Tensor?> inputs)
    {
        if (inputs.Length > _inputs.Length) _inputs = new Tensor?[inputs.Length];
        inputs.CopyTo(_inputs);
        Finish(output, inputs.Length);
    }

    internal void Connect(Tensor output, Tensor first, ReadOnlySpan<Tensor?> others)
    {
        if (others.Length + 1 > _inputs.Length) _inputs = new Tensor?[others.Length + 1];
        _inputs[0] = first;
        others.CopyTo(_inputs.AsSpan(1));
        Finish(output, others.Length + 1);
    }

    private void Finish(Tensor output, int inputs)
    {
        InputCount = inputs;
        Output = output;
        output.Producer = this;
        Order = Interlocked.Increment(ref s_lastOrder);
        if (GradMode.DetectsAnomalies) Anomaly.CheckForward(this);
    }
}

/// <summary>A <see cref="Node"/> of its own type <typeparamref name="TSelf"/>, which lets it be reused.</summary>
internal abstract class Node<TSelf> : Node where TSelf : Node<TSelf>, new()
{
    /// <summary>A node to fill in; connect it to its output and inputs next.</summary>
    internal static TSelf Rent()
    {
        MemoryScope? scope = MemoryScope.Current;
        if (scope is null) return new TSelf();
        TSelf node = NodePool<TSelf>.Rent();
        scope.Own(node);
        return node;
    }

    protected sealed override void ReturnToPool() => NodePool<TSelf>.Return((TSelf)this);
}

internal static class NodePool<T> where T : Node, new()
{
    [ThreadStatic] private static Stack<T>? t_free;

    internal static T Rent() => t_free is { Count: > 0 } free ? free.Pop() : new T();

    internal static void Return(T node) => (t_free ??= new Stack<T>()).Push(node);
}
