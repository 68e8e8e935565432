using System.Buffers.Binary;
using System.IO.Compression;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Training.Data;

/// <summary>Reads the format of MNIST: a type, sizes, and numbers in big-endian order; packed with gzip or not.</summary>
/// <remarks>Two zero bytes, the type (8 ubyte, 9 sbyte, 11 short, 12 int, 13 float, 14 double), the number of dimensions, each size in 4 bytes, the numbers (LeCun, Cortes and Burges, "The MNIST database").</remarks>
public static class IdxFile
{
    // Far above any set of images that fits in memory; the number of elements of a tensor is an int.
    private const int MaximumDimensions = 8;

    /// <summary>Reads a file.</summary>
    /// <returns>Its numbers: Int32 of whole numbers, Float32 or Float64 of the others, in the file's shape.</returns>
    /// <exception cref="WeftFileException">The file is not of this format, or shorter or longer than its header says.</exception>
    public static Tensor Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> magic = stackalloc byte[2];
        bool packed = file.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
        file.Position = 0;
        try
        {
            if (!packed) return Read(path, file, file.Length);
            using GZipStream stream = new(file, CompressionMode.Decompress);
            return Read(path, stream, null);
        }
        catch (InvalidDataException exception)
        {
            throw new WeftFileException(path, file.Position, "is not a whole gzip file.", exception);
        }
    }

    private static Tensor Read(string path, Stream stream, long? length)
    {
        Span<byte> head = stackalloc byte[4 + 4 * MaximumDimensions];
        if (stream.ReadAtLeast(head[..4], 4, throwOnEndOfStream: false) < 4 || head[0] != 0 || head[1] != 0) throw new WeftFileException(path, 0, "is not an IDX file: it does not begin with two zero bytes, a type and a number of dimensions.");
        (int type, int rank) = (head[2], head[3]);
        int width = type switch { 8 or 9 => 1, 11 => 2, 12 or 13 => 4, 14 => 8, _ => throw new WeftFileException(path, 2, $"has the type {type}, which is none of 8, 9, 11, 12, 13, 14.") };
        if (rank > MaximumDimensions) throw new WeftFileException(path, 3, $"has {rank} dimensions; at most {MaximumDimensions} are read.");
        if (stream.ReadAtLeast(head[4..(4 + 4 * rank)], 4 * rank, throwOnEndOfStream: false) < 4 * rank) throw new WeftFileException(path, 4, "ends within its sizes.");
        int[] sizes = new int[rank];
        long count = 1;
        for (int d = 0; d < rank; d++)
        {
            uint size = BinaryPrimitives.ReadUInt32BigEndian(head[(4 + 4 * d)..]);
            count = size > int.MaxValue || (size > 0 && count > int.MaxValue / size) ? long.MaxValue : count * size;
            if (count == long.MaxValue) throw new WeftFileException(path, 4 + 4 * d, $"has more than {int.MaxValue} numbers.");
            sizes[d] = (int)size;
        }
        long start = 4 + 4 * rank, bytes = count * width;
        if (length is { } known && known - start != bytes) throw new WeftFileException(path, start, $"holds {known - start} bytes of numbers, but its sizes [{string.Join(", ", sizes)}] need {bytes}.");

        // What a packed file holds is only known when it is unpacked: the memory grows with what is really there.
        using MemoryStream values = new(length is null ? 0 : (int)Math.Min(bytes, int.MaxValue));
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer)) > 0;)
        {
            if (values.Length + read > bytes) throw new WeftFileException(path, start, $"holds more than the {bytes} bytes of numbers that its sizes [{string.Join(", ", sizes)}] need.");
            values.Write(buffer, 0, read);
        }
        if (values.Length != bytes) throw new WeftFileException(path, start, $"holds {values.Length} bytes of numbers, but its sizes [{string.Join(", ", sizes)}] need {bytes}.");
        return Decode(values.GetBuffer().AsSpan(0, (int)bytes), type, sizes);
    }

    private static Tensor Decode(ReadOnlySpan<byte> bytes, int type, int[] sizes)
    {
        Tensor result = Tensor.Uninitialized(new Shape(sizes), type switch { 13 => DType.Float32, 14 => DType.Float64, _ => DType.Int32 });
        if (type == 13)
        {
            Span<float> singles = result.AsSpan<float>();
            for (int i = 0; i < singles.Length; i++) singles[i] = BinaryPrimitives.ReadSingleBigEndian(bytes[(4 * i)..]);
        }
        else if (type == 14)
        {
            Span<double> doubles = result.AsSpan<double>();
            for (int i = 0; i < doubles.Length; i++) doubles[i] = BinaryPrimitives.ReadDoubleBigEndian(bytes[(8 * i)..]);
        }
        else
        {
            Span<int> integers = result.AsSpan<int>();
            for (int i = 0; i < integers.Length; i++)
            {
                integers[i] = type switch
                {
                    8 => bytes[i],
                    9 => (sbyte)bytes[i],
                    11 => BinaryPrimitives.ReadInt16BigEndian(bytes[(2 * i)..]),
                    _ => BinaryPrimitives.ReadInt32BigEndian(bytes[(4 * i)..]),
                };
            }
        }
        return result;
    }
}
