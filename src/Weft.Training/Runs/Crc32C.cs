using System.Buffers.Binary;
using System.Numerics;

namespace Weft.Training.Runs;

/// <summary>The Castagnoli checksum (polynomial 0x1EDC6F41, reflected) of TensorFlow's record files.</summary>
/// <remarks><see cref="BitOperations"/> uses the instruction of SSE 4.2 or Armv8 where there is one, and tables elsewhere.</remarks>
internal static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes) crc = BitOperations.Crc32C(crc, value);
        return ~crc;
    }

    /// <summary>The checksum as records store it: rotated and shifted, so that a checksum of data with checksums in it stays a good one.</summary>
    /// <remarks>tensorflow/core/lib/hash/crc32c.h, <c>Mask</c>.</remarks>
    public static uint Masked(ReadOnlySpan<byte> bytes) => BitOperations.RotateRight(Compute(bytes), 15) + 0xA282EAD8u;
}
