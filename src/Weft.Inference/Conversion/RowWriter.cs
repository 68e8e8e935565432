using Weft.Tensors.Quantization;

namespace Weft.Inference.Conversion;

/// <summary>Reads a row of a tensor as singles.</summary>
internal delegate void RowReader(long row, Span<float> values);

/// <summary>Writes rows of numbers in a stored type, a few thousand at once and on all threads.</summary>
internal static class RowWriter
{
    private const int ChunkElements = 1 << 20;

    public static void Write(Stream stream, GgufType type, int columns, long rows, RowReader read, float[]? importance)
    {
        int rowBytes = (int)type.ByteLength(columns), atOnce = (int)Math.Clamp(ChunkElements / Math.Max(1, columns), 1, Math.Max(1, rows));
        float[] values = new float[atOnce * columns];
        byte[] bytes = new byte[atOnce * rowBytes];
        for (long first = 0; first < rows; first += atOnce)
        {
            int count = (int)Math.Min(atOnce, rows - first);
            long start = first;
            Parallel.For(0, count, row =>
            {
                Span<float> own = values.AsSpan(row * columns, columns);
                read(start + row, own);
                Quantizer.Run(type, own, bytes.AsSpan(row * rowBytes, rowBytes), importance);
            });
            stream.Write(bytes, 0, count * rowBytes);
        }
    }
}
