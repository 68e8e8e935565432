using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Weft.Tensors.Autograd;
using Weft.Tensors.Quantization;

namespace Weft.Tensors;

/// <summary>An n-dimensional array that remembers how it was computed, so that gradients can flow back through it.</summary>
/// <remarks>
/// Row-major with strides: reshaping, transposing, slicing and broadcasting give views of the same memory where they can.
/// Operations are extension methods, one file per family in <c>Ops/</c>. A tensor need not be disposed; see
/// <see cref="MemoryScope"/> for the one case in which its memory is reused early.
/// </remarks>
public sealed class Tensor
{
    private Storage? _storage;
    private Tensor? _grad;
    private bool _gradIsCleared;

    internal Tensor()
    {
    }

    /// <summary>The sizes of the dimensions.</summary>
    public Shape Shape { get; private set; }

    /// <summary>How many elements lie between neighbours along each dimension.</summary>
    public Shape Strides { get; private set; }

    /// <summary>The element type.</summary>
    public DType DType { get; private set; }

    /// <summary>The number of dimensions.</summary>
    public int Rank => Shape.Rank;

    /// <summary>The number of elements.</summary>
    public int Count => Shape.Count;

    /// <summary>A name for messages and parameter lists; null where nobody gave one.</summary>
    public string? Name { get; set; }

    /// <summary>Whether this is a parameter: backward leaves its gradient in <see cref="Grad"/>.</summary>
    public bool RequiresGrad { get; private set; }

    /// <summary>The gradient that backward passes have accumulated here, or null. Same shape and type as this tensor.</summary>
    public Tensor? Grad
    {
        get => _gradIsCleared ? null : _grad;
        set => (_grad, _gradIsCleared) = (value, false);
    }

    /// <summary>Whether gradients flow to or through this tensor.</summary>
    public bool Tracks => RequiresGrad || Producer is not null;

    /// <summary>Whether the elements lie in row-major order without gaps.</summary>
    public bool IsContiguous { get; private set; }

    internal Node? Producer { get; set; }

    /// <summary>The gradient being collected by the backward pass in progress.</summary>
    internal Tensor? PendingGrad { get; set; }

    internal bool PendingGradIsOwned { get; set; }

    /// <summary>For a gradient: how many tensors have it as their pending one.</summary>
    internal int PendingHolders { get; set; }

    internal List<Func<Tensor, Tensor?>>? Hooks { get; set; }

    internal int Offset { get; private set; }

    internal long ScopeId { get; set; }

    internal bool IsAlive => _storage is not null;

    internal Storage Storage => _storage ?? throw new InvalidOperationException(
        "This tensor belonged to a step that has ended, and its memory was reused. Call Keep() inside the step on what should outlive it.");

    // ---- Creation -------------------------------------------------------------------------------------------------------

    /// <summary>A tensor whose elements are whatever was in memory: for results that are written whole.</summary>
    public static Tensor Uninitialized(Shape shape, DType dtype = DType.Float32)
    {
        MemoryScope? scope = MemoryScope.Current;
        Storage storage = scope is null ? new Storage(dtype, shape.Count) : scope.RentStorage(dtype, shape.Count);
        return Create(storage, 0, shape, shape.RowMajorStrides());
    }

    /// <summary>A tensor of zeros (false for Bool).</summary>
    public static Tensor Zeros(Shape shape, DType dtype = DType.Float32)
    {
        if (MemoryScope.Current is null) return Create(new Storage(dtype, shape.Count, zeroed: true), 0, shape, shape.RowMajorStrides());
        Tensor result = Uninitialized(shape, dtype);
        result.Clear();
        return result;
    }

    /// <summary>A tensor of one value that takes its memory when it is first read or written. It belongs to no scope.</summary>
    /// <seealso cref="FillOnFirstUse"/>
    public static Tensor Deferred(Shape shape, DType dtype = DType.Float32, double value = 0)
    {
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        Storage storage = new(dtype, shape.Count, filled =>
        {
            if (value == 0) return;
            using MemoryScope.Suspension still = MemoryScope.Suspend();
            Create(filled, 0, shape, shape.RowMajorStrides()).Fill(value);
        });
        return Create(storage, 0, shape, shape.RowMajorStrides());
    }

    /// <summary>A tensor of ones.</summary>
    public static Tensor Ones(Shape shape, DType dtype = DType.Float32) => Full(shape, 1, dtype);

    /// <summary>A tensor with one value everywhere.</summary>
    public static Tensor Full(Shape shape, double value, DType dtype = DType.Float32)
    {
        Tensor result = Uninitialized(shape, dtype);
        result.Fill(value);
        return result;
    }

    /// <summary>A tensor of rank 0.</summary>
    public static Tensor Scalar(double value, DType dtype = DType.Float32) => Full([], value, dtype);

    /// <summary>Copies values into a new tensor; the element type follows <typeparamref name="T"/> (float, double, int, bool).</summary>
    /// <exception cref="ArgumentException">The number of values is not the shape's.</exception>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape) where T : unmanaged
    {
        if (values.Length != shape.Count) throw new ArgumentException($"Tensor.From: {values.Length} values for shape {shape}, which has {shape.Count}.");
        Tensor result = Uninitialized(shape, DTypes.Of<T>());
        values.CopyTo(result.AsSpan<T>());
        return result;
    }

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, Shape)"/>
    public static Tensor From<T>(T[] values, Shape shape) where T : unmanaged => From((ReadOnlySpan<T>)values, shape);

    /// <summary>Copies values into a new tensor of rank 1.</summary>
    public static Tensor From<T>(params T[] values) where T : unmanaged => From((ReadOnlySpan<T>)values, [values.Length]);

    /// <summary>0, 1, 2, … as a tensor of rank 1: start + step · i.</summary>
    public static Tensor Arange(int count, double start = 0, double step = 1, DType dtype = DType.Int32)
    {
        Tensor result = Uninitialized([count], dtype);
        for (int i = 0; i < count; i++) result.SetFlat(i, start + step * i);
        return result;
    }

    /// <summary>So many numbers from first to last in equal steps, as a tensor of rank 1.</summary>
    public static Tensor LinSpace(double first, double last, int count, DType dtype = DType.Float64)
    {
        Tensor result = Uninitialized([count], dtype);
        double step = count > 1 ? (last - first) / (count - 1) : 0;
        for (int i = 0; i < count; i++) result.SetFlat(i, i < count / 2 ? first + step * i : last - step * (count - 1 - i)); // exact at both ends
        if (count == 1) result.SetFlat(0, first);
        return result;
    }

    /// <summary>Ones (or true) on the main diagonal. Shapes: [rows, columns], columns = rows if not given.</summary>
    public static Tensor Identity(int rows, DType dtype = DType.Float32, int? columns = null)
    {
        int width = columns ?? rows;
        Tensor result = Zeros([rows, width], dtype);
        for (int i = 0; i < Math.Min(rows, width); i++) result.SetFlat(i * width + i, 1);
        return result;
    }

    internal static Tensor Create(Storage storage, int offset, Shape shape, Shape strides)
    {
        MemoryScope? scope = MemoryScope.Current;
        Tensor tensor = scope is null ? new Tensor() : scope.RentTensor();
        tensor._storage = storage;
        storage.References++;
        tensor.DType = storage.DType;
        tensor.Offset = offset;
        tensor.Shape = shape;
        tensor.Strides = strides;
        tensor.IsContiguous = HasRowMajorStrides(shape, strides);
        return tensor;
    }

    /// <summary>Another tensor on the same memory, with no history.</summary>
    internal Tensor View(int offset, Shape shape, Shape strides) => Create(Storage, offset, shape, strides);

    internal void Invalidate()
    {
        _storage = null;
        Producer = null;
        PendingGrad = null;
        PendingGradIsOwned = false;
        PendingHolders = 0;
        Grad = null;
        Hooks = null;
        Name = null;
        RequiresGrad = false;
    }

    // ---- Reading and writing --------------------------------------------------------------------------------------------

    /// <summary>The elements in row-major order, as memory that can be read and written.</summary>
    /// <remarks>Writing changes the values under any graph that saved them: only do it where no backward pass will follow.</remarks>
    /// <exception cref="InvalidOperationException">The tensor is not contiguous; call <c>Contiguous()</c> first.</exception>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the element type.</exception>
    public Span<T> AsSpan<T>() where T : unmanaged
    {
        if (!IsContiguous) throw new InvalidOperationException($"AsSpan: {this} is a view with strides {Strides}; call Contiguous() first.");
        return RawSpan<T>()[..Count];
    }

    /// <summary>The tensor as the platform's own tensor type, strides included.</summary>
    public TensorSpan<T> AsTensorSpan<T>() where T : unmanaged
    {
        nint[] lengths = [.. Shape.ToArray()], strides = [.. Strides.ToArray()];
        return new TensorSpan<T>(RawSpan<T>(), lengths, strides);
    }

    /// <summary>From this tensor's first element to the end of its memory: for kernels that know the strides.</summary>
    internal Span<T> RawSpan<T>() where T : unmanaged
    {
        Storage storage = Storage;
        if (DTypes.Of<T>() != DType) throw new ArgumentException($"AsSpan<{typeof(T).Name}>: the tensor holds {DType}.");
        return Count == 0 ? [] : storage.Span<T>()[Offset..]; // a part of nothing may begin beyond its end
    }

    /// <summary>A copy of the elements in row-major order.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        return (IsContiguous ? this : this.Detach().Contiguous()).AsSpan<T>().ToArray();
    }

    /// <summary>The only element of a tensor that has one, as a number (true is 1).</summary>
    /// <exception cref="InvalidOperationException">The tensor has more or fewer elements than one.</exception>
    public double Item() => Count == 1 ? GetFlat(0) : throw new InvalidOperationException($"Item: the tensor has shape {Shape}, not a single element.");

    /// <summary>One element, as a number.</summary>
    [IndexerName("Element")]
    public double this[params ReadOnlySpan<int> indices]
    {
        get
        {
            if (indices.Length != Rank) throw new ArgumentException($"Index: {indices.Length} indices for shape {Shape}.");
            int position = 0;
            for (int i = 0; i < Rank; i++)
            {
                if ((uint)indices[i] >= (uint)Shape[i]) throw new ArgumentOutOfRangeException(nameof(indices), $"Index {indices[i]} at dimension {i} of {Shape}.");
                position += indices[i] * Strides[i];
            }
            return GetFlat(position);
        }
    }

    /// <summary>Sets every element. Only for tensors that are not part of a graph.</summary>
    public Tensor Fill(double value)
    {
        RequireUnrecorded(nameof(Fill));
        switch (DType)
        {
            case DType.Float32: AsSpan<float>().Fill((float)value); break;
            case DType.Float64: AsSpan<double>().Fill(value); break;
            case DType.Int32: AsSpan<int>().Fill(checked((int)value)); break;
            default: AsSpan<bool>().Fill(value != 0); break;
        }
        return this;
    }

    /// <summary>Sets every element by a function that runs when they are first read or written; at once if that has happened before.</summary>
    /// <param name="fill">Writes all elements of the tensor that it is given: the same shape and type, zeroed.</param>
    /// <exception cref="InvalidOperationException">The tensor is a part of another.</exception>
    public void FillOnFirstUse(Action<Tensor> fill) => Defer(fill, null);

    /// <summary>Makes the tensor stand for a stored matrix: it is dequantized when its elements are first read or written.</summary>
    /// <param name="matrix">The rows, of this tensor's shape.</param>
    /// <param name="roundedProducts">
    /// Until then, products and look-ups that record no gradient use the matrix as it is stored, with activations rounded to eight bits: they
    /// need a quarter or less of the memory, and their results differ by the rounding.
    /// </param>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public void KeepStored(StoredMatrix matrix, bool roundedProducts)
    {
        if (Rank != 2 || Shape[0] != matrix.RowCount || Shape[1] != matrix.ColumnCount) throw new ArgumentException($"KeepStored: a matrix [{matrix.RowCount}, {matrix.ColumnCount}] for {this.Name} {Shape}.");
        Defer(matrix.ReadInto, roundedProducts && DType == DType.Float32 ? matrix : null);
    }

    /// <summary>The matrix that products use instead of the elements; null for an ordinary tensor.</summary>
    public StoredMatrix? Stored => _storage?.Stored is { } stored && IsContiguous && Rank == 2 && Shape[0] == stored.RowCount && Shape[1] == stored.ColumnCount ? stored : null;

    private void Defer(Action<Tensor> fill, StoredMatrix? stored)
    {
        Shape shape = Shape;
        if (!IsContiguous || Offset != 0 || Storage.Capacity != Count) throw new InvalidOperationException($"FillOnFirstUse: {Name} {shape} is a part of another tensor.");
        Storage.Defer(filled =>
        {
            using MemoryScope.Suspension outside = MemoryScope.Suspend();
            fill(Create(filled, 0, shape, shape.RowMajorStrides()));
        }, stored);
    }

    /// <summary>Copies another tensor's elements over this one's. Only for tensors that are not part of a graph.</summary>
    /// <exception cref="ArgumentException">Shapes or types differ.</exception>
    public Tensor CopyFrom(Tensor source)
    {
        RequireUnrecorded(nameof(CopyFrom));
        if (source.Shape != Shape || source.DType != DType) throw new ArgumentException($"CopyFrom: {source} into {this}.");
        StridedCopy.Run(source, this);
        return this;
    }

    internal void Clear()
    {
        switch (DType)
        {
            case DType.Float32: AsSpan<float>().Clear(); break;
            case DType.Float64: AsSpan<double>().Clear(); break;
            case DType.Int32: AsSpan<int>().Clear(); break;
            default: AsSpan<bool>().Clear(); break;
        }
    }

    private double GetFlat(int position) => DType switch
    {
        DType.Float32 => RawSpan<float>()[position],
        DType.Float64 => RawSpan<double>()[position],
        DType.Int32 => RawSpan<int>()[position],
        _ => RawSpan<bool>()[position] ? 1 : 0,
    };

    private void SetFlat(int position, double value)
    {
        switch (DType)
        {
            case DType.Float32: RawSpan<float>()[position] = (float)value; break;
            case DType.Float64: RawSpan<double>()[position] = value; break;
            case DType.Int32: RawSpan<int>()[position] = checked((int)value); break;
            default: RawSpan<bool>()[position] = value != 0; break;
        }
    }

    // ---- Gradients ------------------------------------------------------------------------------------------------------

    /// <summary>Marks this tensor as a parameter, or as one no longer.</summary>
    /// <exception cref="InvalidOperationException">The tensor is the result of a recorded operation, or holds no real numbers.</exception>
    public Tensor RequireGrad(bool requires = true)
    {
        if (Producer is not null) throw new InvalidOperationException("RequireGrad: only a tensor that no recorded operation made can be a parameter; call Detach() first.");
        if (!DType.IsFloating()) throw new InvalidOperationException($"RequireGrad: {DType} values have no gradient.");
        RequiresGrad = requires;
        return this;
    }

    /// <summary>The same values without history: gradients do not flow through it.</summary>
    public Tensor Detach() => View(Offset, Shape, Strides);

    /// <summary>Hands a tensor that was made inside a <see cref="MemoryScope"/> to its holder: it lives on after the scope.</summary>
    /// <remarks>The history is cut, since the graph ends with the step.</remarks>
    public Tensor Keep()
    {
        Storage.Owner = 0;
        Producer = null;
        ScopeId = 0;
        return this;
    }

    /// <summary>Computes the gradient of this tensor with respect to every parameter it came from, and adds it to their <see cref="Grad"/>.</summary>
    /// <param name="gradient">dL/d(this), by default 1: then this tensor must have a single element.</param>
    /// <param name="createGraph">Records the backward pass too, so that gradients can be differentiated again.</param>
    /// <param name="releaseActivations">
    /// Inside a <see cref="MemoryScope"/>: gives the memory of each intermediate result back as soon as the pass is through with
    /// it, so that the peak is that of the forward pass. Intermediate results cannot be read afterwards.
    /// </param>
    public void Backward(Tensor? gradient = null, bool createGraph = false, bool releaseActivations = false) =>
        BackwardPass.IntoParameters(this, gradient, createGraph, releaseActivations);

    /// <summary>Calls a function with this tensor's gradient once it is complete; what it returns, if not null, replaces the gradient.</summary>
    public void AddHook(Func<Tensor, Tensor?> hook)
    {
        if (!Tracks) throw new InvalidOperationException("AddHook: no gradient flows through this tensor.");
        (Hooks ??= []).Add(hook);
    }

    /// <summary>Forgets the gradient but keeps its memory for the next one.</summary>
    public void ClearGrad() => _gradIsCleared = true;

    /// <summary>Memory for this parameter's gradient, which outlives the step, and whether it already holds one.</summary>
    internal Tensor GradMemory(out bool accumulate)
    {
        accumulate = _grad is not null && !_gradIsCleared;
        if (_grad is null || (_gradIsCleared && (!_grad.IsContiguous || _grad.Producer is not null)))
        {
            using MemoryScope.Suspension outside = MemoryScope.Suspend();
            _grad = Uninitialized(Shape, DType);
        }
        _gradIsCleared = false;
        return _grad;
    }

    internal void RequireUnrecorded(string operation)
    {
        if (Producer is not null || (RequiresGrad && GradMode.IsEnabled))
            throw new InvalidOperationException($"{operation}: writing in place would falsify the gradients of a recorded tensor. Work on Detach(), or inside GradMode.Off().");
    }

    // ---- Words ----------------------------------------------------------------------------------------------------------

    /// <summary>Type, shape and the first elements.</summary>
    public override string ToString()
    {
        if (!IsAlive) return "Tensor (its step has ended)";
        StringBuilder text = new($"{Name ?? "Tensor"} {DType} {Shape}");
        if (Count == 0) return text.ToString();
        text.Append(" {");
        int shown = Math.Min(Count, 6);
        Span<int> index = stackalloc int[Rank];
        for (int i = 0; i < shown; i++)
        {
            int rest = i;
            for (int d = Rank - 1; d >= 0; d--) (rest, index[d]) = Math.DivRem(rest, Shape[d]);
            text.Append(i == 0 ? " " : ", ").Append(this[index].ToString("G6", CultureInfo.InvariantCulture));
        }
        return text.Append(Count > shown ? ", … }" : " }").ToString();
    }

    private static bool HasRowMajorStrides(Shape shape, Shape strides)
    {
        int expected = 1;
        for (int d = shape.Rank - 1; d >= 0; d--)
        {
            int size = shape[d];
            if (size == 0) return true;
            if (size != 1 && strides[d] != expected) return false;
            expected *= size;
        }
        return true;
    }
}
