namespace Weft.Tensors.Files;

/// <summary>Where a stored tensor's elements lie in a run of bytes: first element, sizes and strides, as PyTorch and NumPy say it.</summary>
internal readonly struct StridedElements
{
    private readonly long _first;
    private readonly int[] _sizes;
    private readonly long[] _strides;

    private StridedElements(long first, int[] sizes, long[] strides, long count) => (_first, _sizes, _strides, Count) = (first, sizes, strides, count);

    /// <summary>The number of elements.</summary>
    internal long Count { get; }

    /// <summary>Checks a layout against the storage; null, with a reason, where it does not fit.</summary>
    internal static StridedElements? Create(long first, int[] sizes, long[] strides, long storageCount, out string reason)
    {
        reason = "";
        if (sizes.Length != strides.Length) return Fail($"{sizes.Length} sizes but {strides.Length} strides", out reason);
        if (first >= 0 && sizes.Contains(0) && sizes.All(static n => n >= 0)) return new StridedElements(0, sizes, strides, 0); // nothing is read, whatever the strides say
        long count = 1, last = first;
        for (int d = 0; d < sizes.Length; d++)
        {
            if (sizes[d] < 0 || strides[d] < 0) return Fail($"size {sizes[d]} and stride {strides[d]} of dimension {d} must not be negative", out reason);
            if (sizes[d] != 0 && count > Array.MaxLength / sizes[d]) return Fail($"the sizes {string.Join(" x ", sizes)} make too many elements", out reason);
            count *= sizes[d];
            if (sizes[d] > 1 && strides[d] > storageCount) return Fail($"stride {strides[d]} leaves the storage of {storageCount} elements", out reason);
            last += (Math.Max(sizes[d], 1) - 1) * strides[d];
        }
        if (first < 0 || (count > 0 && last >= storageCount)) return Fail($"elements {first} to {last} leave the storage of {storageCount}", out reason);
        return new StridedElements(first, sizes, strides, count);
    }

    /// <summary>Reads the elements' bytes in row-major order from a stream that stands at the storage's first byte.</summary>
    internal byte[] Gather(Stream storage, int elementBytes)
    {
        if (Count == 0) return [];
        long last = _first;
        for (int d = 0; d < _sizes.Length; d++) last += (_sizes[d] - 1) * _strides[d];
        byte[] bytes = new byte[checked((int)((last - _first + 1) * elementBytes))];
        Skip(storage, _first * elementBytes);
        storage.ReadExactly(bytes);
        return IsRowMajor() ? bytes : Rearrange(bytes, elementBytes);
    }

    private byte[] Rearrange(byte[] bytes, int elementBytes)
    {
        byte[] result = new byte[checked((int)(Count * elementBytes))];
        int[] index = new int[_sizes.Length];
        for (long i = 0, at = 0; i < Count; i++)
        {
            bytes.AsSpan((int)(at * elementBytes), elementBytes).CopyTo(result.AsSpan((int)(i * elementBytes)));
            for (int d = _sizes.Length - 1; d >= 0; d--)
            {
                at += _strides[d];
                if (++index[d] < _sizes[d]) break;
                at -= _strides[d] * _sizes[d];
                index[d] = 0;
            }
        }
        return result;
    }

    private bool IsRowMajor()
    {
        long expected = 1;
        for (int d = _sizes.Length - 1; d >= 0; d--)
        {
            if (_sizes[d] != 1 && _strides[d] != expected) return false;
            expected *= _sizes[d];
        }
        return true;
    }

    private static void Skip(Stream stream, long count)
    {
        if (stream.CanSeek)
        {
            stream.Seek(count, SeekOrigin.Current);
            return;
        }
        byte[] scratch = new byte[(int)Math.Min(count, 1 << 16)];
        for (; count > 0; count -= Math.Min(count, scratch.Length)) stream.ReadExactly(scratch.AsSpan(0, (int)Math.Min(count, scratch.Length)));
    }

    private static StridedElements? Fail(string why, out string reason)
    {
        reason = why;
        return null;
    }
}
