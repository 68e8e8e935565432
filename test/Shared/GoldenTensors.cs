using System.Buffers.Binary;
using System.Text.Json;

namespace Weft.Testing;

/// <summary>A second, deliberately plain reader of safetensors: the tests' own, so that the library's reader is not its own judge.</summary>
internal sealed class GoldenTensors
{
    private readonly byte[] _bytes;
    private readonly int _dataStart;
    private readonly JsonElement _header;

    public GoldenTensors(string path)
    {
        _bytes = File.ReadAllBytes(path);
        _dataStart = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(_bytes);
        _header = JsonDocument.Parse(_bytes.AsMemory(8, _dataStart - 8)).RootElement;
    }

    public IEnumerable<string> Names => _header.EnumerateObject().Select(p => p.Name).Where(name => name != "__metadata__");

    public bool Contains(string name) => name != "__metadata__" && _header.TryGetProperty(name, out _);

    public (string Type, int[] Shape, double[] Doubles, long[] Longs) Read(string name)
    {
        JsonElement entry = _header.GetProperty(name);
        string type = entry.GetProperty("dtype").GetString()!;
        int[] shape = [.. entry.GetProperty("shape").EnumerateArray().Select(x => x.GetInt32())];
        int begin = entry.GetProperty("data_offsets")[0].GetInt32(), end = entry.GetProperty("data_offsets")[1].GetInt32();
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(_dataStart + begin, end - begin);

        int count = shape.Aggregate(1, (product, size) => product * size);
        bool floating = type is "F64" or "F32" or "F16" or "BF16";
        double[] doubles = new double[count];
        long[] longs = floating ? [] : new long[count];
        int width = count == 0 ? 0 : bytes.Length / count;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> at = bytes.Slice(i * width, width);
            if (!floating) longs[i] = Integer(type, at);
            doubles[i] = type switch
            {
                "F64" => BinaryPrimitives.ReadDoubleLittleEndian(at),
                "F32" => BinaryPrimitives.ReadSingleLittleEndian(at),
                "F16" => (double)BinaryPrimitives.ReadHalfLittleEndian(at),
                "BF16" => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(at) << 16),
                _ => longs[i],
            };
        }
        return (type, shape, doubles, longs);
    }

    private static long Integer(string type, ReadOnlySpan<byte> at) => type switch
    {
        "I64" => BinaryPrimitives.ReadInt64LittleEndian(at),
        "I32" => BinaryPrimitives.ReadInt32LittleEndian(at),
        "I16" => BinaryPrimitives.ReadInt16LittleEndian(at),
        "U16" => BinaryPrimitives.ReadUInt16LittleEndian(at),
        "I8" => (sbyte)at[0],
        "U8" or "BOOL" => at[0],
        _ => throw new InvalidDataException($"The element type {type} is not known here."),
    };
}
