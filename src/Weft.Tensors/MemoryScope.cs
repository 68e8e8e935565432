using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Owns the memory of one training step or one generated token, and takes it all back at the end.</summary>
/// <remarks>
/// <para>Nothing needs a scope: without one, tensors are ordinary objects that the garbage collector frees. The hot loops
/// (<c>TrainingLoop</c>, <c>Generator</c>) open one per step, so that in the steady state a step allocates nothing on the
/// managed heap: tensors, graph nodes and their buffers are reused by the next step.</para>
/// <para>A tensor made inside a scope must not be used after it ends, unless <see cref="Tensor.Keep"/> was called on it;
/// using one throws for as long as its object has not been reused. With <c>WEFT_STRICT_SCOPES=1</c> objects are never reused,
/// so that every such use throws.</para>
/// <para>A scope belongs to the thread that opened it. Scopes nest; a tensor belongs to the innermost.</para>
/// </remarks>
public sealed class MemoryScope : IDisposable
{
    [ThreadStatic] private static MemoryScope? t_current;
    [ThreadStatic] private static Stack<MemoryScope>? t_idle;
    [ThreadStatic] private static Queue<Tensor>? t_tensors;
    private static readonly bool s_reuseObjects = Environment.GetEnvironmentVariable("WEFT_STRICT_SCOPES") != "1";
    private static long s_lastId;
    private static int s_openSteps; // scopes of all threads that have none around them

    private readonly List<Tensor> _tensors = [];
    private readonly List<Storage> _storages = [];
    private readonly List<Node> _nodes = [];
    private MemoryScope? _outer;
    private long _id, _bytes, _largestInner;
    private bool _open;

    private MemoryScope()
    {
    }

    internal static MemoryScope? Current => t_current;

    /// <summary>Opens a scope on this thread; dispose it to end it.</summary>
    public static MemoryScope Enter()
    {
        MemoryScope scope = t_idle is { Count: > 0 } idle ? idle.Pop() : new MemoryScope();
        scope._id = Interlocked.Increment(ref s_lastId);
        scope._open = true;
        scope._outer = t_current;
        if (t_current is null) Interlocked.Increment(ref s_openSteps);
        t_current = scope;
        return scope;
    }

    /// <summary>Until disposed, new tensors on this thread belong to no scope: for what must outlive the step.</summary>
    public static Suspension Suspend()
    {
        Suspension suspension = new(t_current);
        t_current = null;
        return suspension;
    }

    /// <summary>Ends the scope: every tensor made in it is invalid from here on, unless it was kept.</summary>
    public void Dispose()
    {
        if (!_open) return;
        if (t_current != this) throw new InvalidOperationException("MemoryScope: scopes end in the reverse order of their beginning, on the thread that began them.");
        t_current = _outer;
        MemoryScope? outer = _outer;
        _outer = null;
        _open = false;

        Queue<Tensor> tensors = t_tensors ??= new Queue<Tensor>();
        foreach (Tensor tensor in _tensors)
        {
            if (tensor.ScopeId != _id) continue; // kept
            tensor.Invalidate();
            if (s_reuseObjects) tensors.Enqueue(tensor);
        }
        foreach (Storage storage in _storages) if (storage.Owner == _id) BufferPool.Return(storage);
        long needed = _bytes + _largestInner; // inner scopes follow one another, so the largest tells
        if (outer is null) BufferPool.EndStep(needed, Interlocked.Decrement(ref s_openSteps));
        else outer._largestInner = Math.Max(outer._largestInner, needed);
        (_bytes, _largestInner) = (0, 0);
        if (s_reuseObjects) foreach (Node node in _nodes) node.Recycle();
        _tensors.Clear();
        _storages.Clear();
        _nodes.Clear();
        (t_idle ??= new Stack<MemoryScope>()).Push(this);
    }

    internal Tensor RentTensor()
    {
        Tensor tensor = t_tensors is { Count: > 0 } pool ? pool.Dequeue() : new Tensor();
        tensor.ScopeId = _id;
        _tensors.Add(tensor);
        return tensor;
    }

    internal Storage RentStorage(DType dtype, int count)
    {
        Storage storage = BufferPool.Rent(dtype, count);
        _bytes += (long)storage.Capacity * dtype.SizeInBytes();
        storage.Owner = _id;
        _storages.Add(storage);
        return storage;
    }

    /// <summary>Lets a tensor of this scope, the innermost, belong to the next one out; without one, it is kept.</summary>
    internal void HandToOuter(Tensor tensor)
    {
        if (tensor.ScopeId != _id) return; // made outside, or kept
        if (_outer is null || tensor.Storage.Owner != _id)
        {
            tensor.Keep();
            return;
        }
        tensor.ScopeId = _outer._id;
        _outer._tensors.Add(tensor);
        tensor.Storage.Owner = _outer._id;
        tensor.Storage.References = 1; // views made in here end with this scope
        _outer._storages.Add(tensor.Storage);
    }

    internal void Own(Node node) => _nodes.Add(node);

    /// <summary>Gives a tensor's memory back before the scope ends, if no other tensor views it.</summary>
    internal static void ReleaseEarly(Tensor tensor)
    {
        MemoryScope? scope = t_current;
        if (scope is null || tensor.ScopeId != scope._id || !tensor.IsAlive) return;
        Storage storage = tensor.Storage;
        tensor.Invalidate();
        if (storage.Owner == scope._id && --storage.References == 0) BufferPool.Return(storage);
    }

    /// <summary>Restores the suspended scope when disposed.</summary>
    public readonly ref struct Suspension
    {
        private readonly MemoryScope? _scope;

        internal Suspension(MemoryScope? scope) => _scope = scope;

        /// <summary>Makes the suspended scope current again.</summary>
        public void Dispose() => t_current = _scope;
    }
}
