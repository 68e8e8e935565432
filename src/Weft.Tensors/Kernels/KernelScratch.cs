using System.Runtime.InteropServices;

namespace Weft.Tensors.Kernels;

/// <summary>Memory that grows and stays, aligned to cache lines; a thread's own.</summary>
internal sealed unsafe class KernelScratch
{
    private byte* _memory;
    private long _size;

    /// <summary>So many bytes; what was there before is lost.</summary>
    internal byte* Take(long bytes)
    {
        if (bytes > _size)
        {
            NativeMemory.AlignedFree(_memory);
            _memory = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, 64);
            _size = bytes;
        }
        return _memory;
    }

    ~KernelScratch() => NativeMemory.AlignedFree(_memory);
}
