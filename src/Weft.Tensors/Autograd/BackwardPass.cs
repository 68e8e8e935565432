using System.Diagnostics;

namespace Weft.Tensors.Autograd;

/// <summary>Walks the recorded graph from a result back to what it came from, and sums gradients on the way.</summary>
internal sealed class BackwardPass
{
    [ThreadStatic] private static Stack<BackwardPass>? t_idle;
    private static long s_lastId;

    private readonly List<Node> _nodes = [];
    private readonly List<Tensor> _reached = []; // tensors that no node of this pass made and that hold a pending gradient
    private readonly List<(Tensor Tensor, Tensor? Pending, bool Owned)> _sources = [];
    private long _id;
    private Node? _node;

    /// <summary>Whether the pass itself is recorded.</summary>
    internal bool CreateGraph { get; private set; }

    /// <summary>Whether parameters receive their gradient in <see cref="Tensor.Grad"/>.</summary>
    internal bool IntoGrad => _intoParameters;

    private bool _intoParameters;

    /// <summary>Whether intermediate results are given up on the way.</summary>
    internal bool ReleasesActivations => _releasesActivations;

    private bool _releasesActivations, _throughSources;

    // ---- Entry points ---------------------------------------------------------------------------------------------------

    internal static void IntoParameters(Tensor root, Tensor? gradient, bool createGraph, bool releaseActivations)
    {
        BackwardPass pass = Rent(createGraph, intoParameters: true);
        pass._releasesActivations = releaseActivations && !createGraph;
        try
        {
            pass.Run(root, gradient);
        }
        finally
        {
            pass.Return();
        }
    }

    /// <summary>Gradients of one tensor with respect to others, without touching <see cref="Tensor.Grad"/>. Null where nothing depends.</summary>
    /// <param name="root">What is differentiated.</param>
    /// <param name="sources">With respect to what.</param>
    /// <param name="gradient">dL/d(root); null for 1.</param>
    /// <param name="createGraph">Whether the pass is recorded.</param>
    /// <param name="throughSources">Whether one source may depend on another: then the pass goes on behind a source, to the end of the graph.</param>
    internal static Tensor?[] Of(Tensor root, ReadOnlySpan<Tensor> sources, Tensor? gradient, bool createGraph, bool throughSources)
    {
        BackwardPass pass = Rent(createGraph, intoParameters: false);
        pass._throughSources = throughSources;
        try
        {
            // A source may already be collecting in an outer pass (second derivatives): its state is set aside.
            foreach (Tensor source in sources)
            {
                pass._sources.Add((source, source.PendingGrad, source.PendingGradIsOwned));
                source.PendingGrad = null;
            }
            pass.Run(root, gradient);
            Tensor?[] result = new Tensor?[sources.Length];
            for (int i = 0; i < sources.Length; i++) result[i] = sources[i].PendingGrad;
            return result;
        }
        finally
        {
            pass.Return();
        }
    }

    /// <summary>
    /// Runs a pass inside this one, over a part of the graph that was recorded just now, and returns the gradient of one of its
    /// tensors. Parameters get theirs in <see cref="Tensor.Grad"/>.
    /// </summary>
    internal static Tensor? Inside(Tensor root, Tensor gradient, Tensor source)
    {
        if (!root.Tracks) return null;
        BackwardPass pass = Rent(createGraph: false, intoParameters: true);
        pass._releasesActivations = true;
        pass._sources.Add((source, null, false));
        try
        {
            pass.Run(root, gradient);
            return source.PendingGrad;
        }
        finally
        {
            source.PendingGrad = null;
            pass._sources.Clear();
            pass.Return();
        }
    }

    // ---- What nodes call ------------------------------------------------------------------------------------------------

    /// <summary>Whether a gradient for this tensor is wanted.</summary>
    internal bool Needs(Tensor? tensor) => tensor is { Tracks: true };

    /// <summary>Adds a gradient to what a tensor has collected so far. The pass may keep it, but does not write to it.</summary>
    internal void Add(Tensor input, Tensor gradient)
    {
        if (!input.Tracks) return;
        Debug.Assert(gradient.Shape == input.Shape && gradient.DType == input.DType, $"{_node?.Operation}: gradient {gradient.Shape} for input {input.Shape}");
        if (GradMode.DetectsAnomalies && _node is not null) Anomaly.CheckBackward(_node, 0, gradient);

        if (KeepsInGrad(input))
        {
            AddToParameter(input, gradient);
            return;
        }
        Tensor? pending = input.PendingGrad;
        if (pending is null)
        {
            // One tensor may be handed to several inputs (both sides of a sum): it is released when the last has passed it on.
            Hold(input, gradient, owned: false);
        }
        else if (CreateGraph)
        {
            input.PendingGrad = pending + gradient;
        }
        else if (input.PendingGradIsOwned)
        {
            InPlace.Add(pending, gradient);
        }
        else
        {
            Hold(input, pending + gradient, owned: true);
            LetGo(pending);
        }
    }

    /// <summary>
    /// Memory for a kernel to write a gradient into. If <paramref name="accumulate"/> comes back true, the kernel must add to
    /// what is there. Only in passes that are not recorded; contiguous.
    /// </summary>
    internal Tensor Target(Tensor input, out bool accumulate)
    {
        Debug.Assert(!CreateGraph);
        if (KeepsInGrad(input)) return input.GradMemory(out accumulate);
        if (input.PendingGrad is { } pending)
        {
            accumulate = true;
            if (!input.PendingGradIsOwned || !pending.IsContiguous)
            {
                Tensor copy = Tensor.Uninitialized(input.Shape, input.DType);
                copy.CopyFrom(pending);
                Hold(input, copy, owned: true);
                LetGo(pending);
            }
            return input.PendingGrad!;
        }
        accumulate = false;
        Tensor target = Tensor.Uninitialized(input.Shape, input.DType);
        Hold(input, target, owned: true);
        return target;
    }

    /// <summary>
    /// Memory for a kernel to write a gradient into, all of it, and what the kernel must add to its own; null: nothing, and it may be the
    /// same memory. For kernels that would otherwise add to a copy. Call <see cref="Done"/> with it afterwards.
    /// </summary>
    internal Tensor TargetOver(Tensor input, out Tensor? before)
    {
        if (KeepsInGrad(input) || input.PendingGrad is not { IsContiguous: true } pending || input.PendingGradIsOwned)
        {
            Tensor target = Target(input, out bool accumulate);
            before = accumulate ? target : null;
            return target;
        }
        before = pending;
        Tensor sum = Tensor.Uninitialized(input.Shape, input.DType);
        Hold(input, sum, owned: true);
        return sum;
    }

    /// <summary>What <see cref="TargetOver"/> handed out beside the memory is not needed any more.</summary>
    internal static void Done(Tensor target, Tensor? before)
    {
        if (before is not null && !ReferenceEquals(before, target)) LetGo(before);
    }

    /// <summary>Whether a tensor's whole gradient comes from the node that asks and nobody looks at it on the way.</summary>
    internal bool IsOnlyUse(Tensor tensor) =>
        !CreateGraph && tensor.Producer is { Uses: 1 } producer && producer.VisitedBy == _id && ReferenceEquals(producer.Output, tensor) && tensor.Hooks is null && tensor.PendingGrad is null && !IsSource(tensor);

    // ---- The walk -------------------------------------------------------------------------------------------------------

    private void Run(Tensor root, Tensor? gradient)
    {
        if (!root.Tracks) throw new InvalidOperationException("Backward: no parameter took part in computing this tensor (or GradMode was off).");
        if (gradient is null && root.Count != 1) throw new InvalidOperationException($"Backward: the result has shape {root.Shape}; give the gradient of a single number with respect to it.");
        if (gradient is not null && (gradient.Shape != root.Shape || gradient.DType != root.DType))
            throw new ArgumentException($"Backward: gradient {gradient.DType} {gradient.Shape} for a result {root.DType} {root.Shape}.");

        using GradMode.Restorer mode = GradMode.Set(CreateGraph, GradMode.DetectsAnomalies);
        Collect(root);
        gradient ??= Tensor.Ones(root.Shape, root.DType);
        gradient.PendingHolders++; // the caller's: never released here
        Add(root, gradient);

        for (int i = 0; i < _nodes.Count; i++)
        {
            Node node = _node = _nodes[i];
            Tensor output = node.Output;
            Tensor? dy = output.PendingGrad;
            if (dy is null) continue;
            Tensor given = dy;
            if (output.Hooks is not null) dy = CallHooks(output, dy);
            if (CreateGraph && node.Composition() is { } composition) ThroughComposition(node, composition, dy);
            else node.Backward(dy, this);

            if (_throughSources && IsSource(output))
            {
                output.PendingGrad = dy; // the result
                continue;
            }
            output.PendingGrad = null;
            if (CreateGraph) continue;
            LetGo(given);
            if (_releasesActivations && !ReferenceEquals(output, root)) MemoryScope.ReleaseEarly(output);
        }
        _node = null;

        if (!_intoParameters) return;
        foreach (Tensor parameter in _reached) // those with hooks, which see the whole gradient of this pass
        {
            if (parameter.PendingGrad is not { } pending || IsSource(parameter)) continue;
            AddToParameter(parameter, CallHooks(parameter, pending));
            parameter.PendingGrad = null;
        }
    }

    // A fused node's second derivative: differentiate the composition that computes the same result.
    internal void ThroughComposition(Node node, Tensor composition, Tensor dy)
    {
        List<Tensor> inputs = [];
        for (int i = 0; i < node.InputCount; i++) if (node.Input(i) is { Tracks: true } input && !inputs.Contains(input)) inputs.Add(input);
        Tensor?[] gradients = Of(composition, [.. inputs], dy, CreateGraph, throughSources: false);
        for (int i = 0; i < inputs.Count; i++) if (gradients[i] is { } gradient) Add(inputs[i], gradient);
    }

    private void Collect(Tensor root)
    {
        if (root.Producer is null || IsEnd(root)) return;
        (root.Producer.VisitedBy, root.Producer.Uses) = (_id, 0);
        _nodes.Add(root.Producer);
        for (int next = 0; next < _nodes.Count; next++)
        {
            Node node = _nodes[next];
            for (int i = 0; i < node.InputCount; i++)
            {
                if (node.Input(i) is not { Producer: { } producer } input || IsEnd(input)) continue;
                if (producer.VisitedBy != _id)
                {
                    (producer.VisitedBy, producer.Uses) = (_id, 0);
                    _nodes.Add(producer);
                }
                producer.Uses++;
            }
        }
        _nodes.Sort(static (a, b) => b.Order.CompareTo(a.Order));
    }

    private bool IsEnd(Tensor tensor) => !_throughSources && IsSource(tensor);

    private bool IsSource(Tensor tensor)
    {
        foreach ((Tensor source, _, _) in _sources) if (ReferenceEquals(source, tensor)) return true;
        return false;
    }

    private bool KeepsInGrad(Tensor tensor) => _intoParameters && tensor.Producer is null && tensor.Hooks is null && !IsSource(tensor);

    private void Hold(Tensor input, Tensor gradient, bool owned)
    {
        if (input.PendingGrad is null && input.Producer is null) _reached.Add(input);
        else if (input.PendingGrad is null && IsSource(input)) _reached.Add(input);
        input.PendingGrad = gradient;
        input.PendingGradIsOwned = owned;
        gradient.PendingHolders++;
    }

    private static void LetGo(Tensor gradient)
    {
        if (--gradient.PendingHolders == 0) MemoryScope.ReleaseEarly(gradient);
    }

    private void AddToParameter(Tensor parameter, Tensor gradient)
    {
        if (CreateGraph)
        {
            parameter.Grad = parameter.Grad is null ? gradient : parameter.Grad + gradient;
            return;
        }
        Tensor memory = parameter.GradMemory(out bool accumulate);
        if (accumulate) InPlace.Add(memory, gradient);
        else memory.CopyFrom(gradient);
    }

    private static Tensor CallHooks(Tensor tensor, Tensor gradient)
    {
        foreach (Func<Tensor, Tensor?> hook in tensor.Hooks!) gradient = hook(gradient) ?? gradient;
        return gradient;
    }

    private static BackwardPass Rent(bool createGraph, bool intoParameters)
    {
        BackwardPass pass = t_idle is { Count: > 0 } idle ? idle.Pop() : new BackwardPass();
        pass._id = Interlocked.Increment(ref s_lastId);
        pass.CreateGraph = createGraph;
        pass._intoParameters = intoParameters;
        return pass;
    }

    private void Return()
    {
        foreach (Node node in _nodes) if (node.Output is { } output && !IsSource(output)) output.PendingGrad = null;
        foreach (Tensor tensor in _reached) if (!IsSource(tensor)) tensor.PendingGrad = null;
        foreach ((Tensor tensor, Tensor? pending, bool owned) in _sources) (tensor.PendingGrad, tensor.PendingGradIsOwned) = (pending, owned); // an outer pass goes on collecting
        (_releasesActivations, _throughSources) = (false, false);
        _sources.Clear();
        _nodes.Clear();
        _reached.Clear();
        _node = null;
        (t_idle ??= new Stack<BackwardPass>()).Push(this);
    }
}
