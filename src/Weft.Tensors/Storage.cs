using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weft.Tensors.Quantization;

namespace Weft.Tensors;

/// <summary>A block of elements that one or more tensors view.</summary>
/// <remarks>
/// The memory is a pinned managed array, so a span of it keeps it alive and nobody has to dispose it. Inside a
/// <see cref="MemoryScope"/> the block goes back to the <see cref="BufferPool"/> instead of waiting for the collector. A deferred
/// block takes its memory when it is first touched: parameters that a loader replaces, or that are never read, cost nothing.
/// </remarks>
internal sealed class Storage
{
    private Array? _array;
    private int _start; // first element whose address is a multiple of 64 bytes, plus the skew
    private Action<Storage>? _fill; // of a deferred block that nobody has touched

    internal readonly DType DType;
    internal readonly int Capacity;

    /// <summary>The scope that will take the block back, 0 for none: then the garbage collector owns it.</summary>
    internal long Owner;

    /// <summary>How many tensors of that scope still use the block.</summary>
    internal int References;

    // Arrays that are walked together (a parameter, its gradient, its two moments) must not lie at power-of-two distances, or
    // they evict each other from the cache: AdamW falls from 53 to 16.5 GB/s. Each new block starts some cache lines further on.
    private static int s_skew;

    internal Storage(DType dtype, int capacity, bool zeroed = false)
    {
        DType = dtype;
        Capacity = capacity;
        int skewLines = capacity >= 4096 ? (int)((uint)Interlocked.Increment(ref s_skew) % 13) * 3 : 0;
        (_array, _start) = dtype switch
        {
            DType.Float32 => Allocate<float>(capacity, skewLines, zeroed),
            DType.Float64 => Allocate<double>(capacity, skewLines, zeroed),
            DType.Int32 => Allocate<int>(capacity, skewLines, zeroed),
            _ => Allocate<bool>(capacity, skewLines, zeroed),
        };
    }

    /// <summary>A block that takes its memory, zeroed, and fills it when it is first touched.</summary>
    internal Storage(DType dtype, int capacity, Action<Storage> fill) => (DType, Capacity, _fill) = (dtype, capacity, fill);

    internal Span<T> Span<T>() where T : unmanaged => Unsafe.As<T[]>(Volatile.Read(ref _array) ?? Materialize()).AsSpan(_start, Capacity);

    /// <summary>The matrix that the block stands for while nobody has touched it, for products that can use it as it is stored.</summary>
    internal StoredMatrix? Stored { get; private set; }

    /// <summary>Fills the block when it is first touched, or now if that has happened.</summary>
    internal void Defer(Action<Storage> fill, StoredMatrix? stored = null)
    {
        lock (this)
        {
            if (_array is null)
            {
                (_fill, Stored) = (fill, stored);
                return;
            }
        }
        fill(this);
    }

    private Array Materialize()
    {
        lock (this)
        {
            if (_array is { } done) return done;
            Storage filled = new(DType, Capacity, zeroed: true);
            _fill!(filled);
            (_fill, Stored, _start) = (null, null, filled._start);
            Volatile.Write(ref _array, filled._array);
            return filled._array!;
        }
    }

    private static unsafe (Array, int) Allocate<T>(int capacity, int skewLines, bool zeroed) where T : unmanaged
    {
        int line = 64 / sizeof(T);
        int length = checked(capacity + (1 + skewLines) * line);
        // Zeroed memory that comes fresh from the system is not touched before it is used.
        T[] array = zeroed ? GC.AllocateArray<T>(length, pinned: true) : GC.AllocateUninitializedArray<T>(length, pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        int start = (int)((64 - address % 64) % 64 / sizeof(T)) + skewLines * line;
        return (array, start);
    }
}

/// <summary>Blocks that a finished step gave back, by type and size, ready for the next one.</summary>
/// <remarks>Steps that repeat find all they need. Where sizes differ from step to step (texts of many lengths), and the pool holds more than a
/// step takes, the sizes that were asked for the longest ago are dropped when a step ends.</remarks>
internal static class BufferPool
{
    private const long LeastLimit = 64L << 20;

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<long, SizeBlocks> s_free = [];
    private static long s_pooledBytes, s_stepBytes, s_asked;

    /// <summary>Bytes that lie in the pool now.</summary>
    internal static long PooledBytes => Interlocked.Read(ref s_pooledBytes);

    internal static Storage Rent(DType dtype, int count)
    {
        int capacity = SizeClass(count);
        lock (s_lock)
        {
            s_asked++;
            if (s_free.TryGetValue(Key(dtype, capacity), out SizeBlocks? blocks))
            {
                blocks.Asked = s_asked;
                if (blocks.Free.TryPop(out Storage? storage))
                {
                    s_pooledBytes -= Bytes(storage);
                    return storage;
                }
            }
        }
        return new Storage(dtype, capacity);
    }

    internal static void Return(Storage storage)
    {
        storage.Owner = 0;
        storage.References = 0;
        lock (s_lock)
        {
            long key = Key(storage.DType, storage.Capacity);
            if (!s_free.TryGetValue(key, out SizeBlocks? blocks)) s_free[key] = blocks = new SizeBlocks { Asked = s_asked };
            blocks.Free.Push(storage);
            s_pooledBytes += Bytes(storage);
        }
    }

    /// <summary>Tells how much a step that has ended needed: the largest of the last ones says how much is worth keeping.</summary>
    /// <param name="bytes">What it rented in all.</param>
    /// <param name="others">How many are under way on other threads.</param>
    internal static void EndStep(long bytes, int others)
    {
        if (s_pooledBytes <= LeastLimit) return;
        lock (s_lock)
        {
            if (bytes > s_stepBytes / 8) s_stepBytes = Math.Max(bytes, s_stepBytes - s_stepBytes / 64); // smaller ones are no steps but their parts
            while (s_pooledBytes > Math.Max(LeastLimit, s_stepBytes * (1 + Math.Max(0, others)))) DropOldest();
        }
    }

    /// <summary>Drops every block that is not in use.</summary>
    internal static void Trim()
    {
        lock (s_lock)
        {
            s_free.Clear();
            s_pooledBytes = 0;
        }
    }

    private static void DropOldest()
    {
        (long key, SizeBlocks oldest) = s_free.Where(static size => size.Value.Free.Count > 0).MinBy(static size => size.Value.Asked);
        foreach (Storage storage in oldest.Free) s_pooledBytes -= Bytes(storage);
        s_free.Remove(key);
    }

    private static long Bytes(Storage storage) => (long)storage.Capacity * storage.DType.SizeInBytes();

    private sealed class SizeBlocks
    {
        internal readonly Stack<Storage> Free = new();
        internal long Asked; // when one of this size was last asked for
    }

    // Eight classes per power of two waste at most an eighth; below 64 elements everything shares one class.
    internal static int SizeClass(int count)
    {
        if (count <= 64) return 64;
        int step = Math.Max(16, 1 << (31 - int.LeadingZeroCount(count - 1) - 3));
        long rounded = ((long)count + step - 1) / step * step;
        return (int)Math.Min(rounded, int.MaxValue - 1024);
    }

    private static long Key(DType dtype, int capacity) => ((long)dtype << 32) | (uint)capacity;
}
