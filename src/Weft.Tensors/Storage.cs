using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weft.Tensors;

/// <summary>A block of elements that one or more tensors view.</summary>
/// <remarks>
/// The memory is a pinned managed array, so a span of it keeps it alive and nobody has to dispose it. Inside a
/// <see cref="MemoryScope"/> the block goes back to the <see cref="BufferPool"/> instead of waiting for the collector.
/// </remarks>
internal sealed class Storage
{
    private readonly Array _array;
    private readonly int _start; // first element whose address is a multiple of 64 bytes, plus the skew

    internal readonly DType DType;
    internal readonly int Capacity;

    /// <summary>The scope that will take the block back, 0 for none: then the garbage collector owns it.</summary>
    internal long Owner;

    /// <summary>How many tensors of that scope still use the block.</summary>
    internal int References;

    // Arrays that are walked together (a parameter, its gradient, its two moments) must not lie at power-of-two distances, or
    // they evict each other from the cache: AdamW falls from 53 to 16.5 GB/s. Each new block starts some cache lines further on.
    private static int s_skew;

    internal Storage(DType dtype, int capacity)
    {
        DType = dtype;
        Capacity = capacity;
        int skewLines = capacity >= 4096 ? (int)((uint)Interlocked.Increment(ref s_skew) % 13) * 3 : 0;
        (_array, _start) = dtype switch
        {
            DType.Float32 => Allocate<float>(capacity, skewLines),
            DType.Float64 => Allocate<double>(capacity, skewLines),
            DType.Int32 => Allocate<int>(capacity, skewLines),
            _ => Allocate<bool>(capacity, skewLines),
        };
    }

    internal Span<T> Span<T>() where T : unmanaged => Unsafe.As<T[]>(_array).AsSpan(_start, Capacity);

    private static unsafe (Array, int) Allocate<T>(int capacity, int skewLines) where T : unmanaged
    {
        int line = 64 / sizeof(T);
        T[] array = GC.AllocateUninitializedArray<T>(checked(capacity + (1 + skewLines) * line), pinned: true);
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        int start = (int)((64 - address % 64) % 64 / sizeof(T)) + skewLines * line;
        return (array, start);
    }
}

/// <summary>Blocks that a finished step gave back, by type and size, ready for the next one.</summary>
internal static class BufferPool
{
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<long, Stack<Storage>> s_free = [];
    private static long s_pooledBytes;

    /// <summary>Bytes that lie in the pool now.</summary>
    internal static long PooledBytes => Interlocked.Read(ref s_pooledBytes);

    internal static Storage Rent(DType dtype, int count)
    {
        int capacity = SizeClass(count);
        lock (s_lock)
        {
            if (s_free.TryGetValue(Key(dtype, capacity), out Stack<Storage>? stack) && stack.TryPop(out Storage? storage))
            {
                s_pooledBytes -= (long)capacity * dtype.SizeInBytes();
                return storage;
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
            if (!s_free.TryGetValue(key, out Stack<Storage>? stack)) s_free[key] = stack = new Stack<Storage>();
            stack.Push(storage);
            s_pooledBytes += (long)storage.Capacity * storage.DType.SizeInBytes();
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
