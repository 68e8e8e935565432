using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Weft.Tensors.Files;

/// <summary>Parses and checks the header of a safetensors file.</summary>
/// <remarks>
/// Layout: u64 little-endian header length N, N bytes of JSON (may be padded with spaces), then the data section.
/// <c>{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, "__metadata__": {"key": "text"}}</c>;
/// offsets count from the start of the data section. The tensors must tile that section: no hole, no overlap, nothing after the last.
/// </remarks>
internal sealed class SafetensorsHeader
{
    // The reference implementation's own cap (safetensors, tensor.rs, MAX_HEADER_SIZE).
    private const long MaximumHeaderBytes = 100_000_000;
    private const int LengthBytes = 8;

    private readonly string _path;
    private readonly long _dataStart;
    private readonly long _dataBytes;

    private SafetensorsHeader(string path, long dataStart, long dataBytes) =>
        (_path, _dataStart, _dataBytes) = (path, dataStart, dataBytes);

    /// <summary>The tensors in the order of their bytes in the file.</summary>
    public OrderedDictionary<string, SafetensorsEntry> Entries { get; } = new(StringComparer.Ordinal);

    public OrderedDictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    public static SafetensorsHeader Read(string path, SafeFileHandle file)
    {
        long fileBytes = RandomAccess.GetLength(file);
        if (fileBytes < LengthBytes)
            throw new WeftFileException(path, 0, $"The file has {fileBytes} bytes; a safetensors file starts with 8 bytes of header length.", fault: FileFault.Truncated);

        Span<byte> length = stackalloc byte[LengthBytes];
        ReadExactly(path, file, 0, length);
        ulong declared = BinaryPrimitives.ReadUInt64LittleEndian(length);
        if (declared > MaximumHeaderBytes)
            throw new WeftFileException(path, 0, $"The header length {declared} is over the cap of {MaximumHeaderBytes} bytes.", fault: FileFault.TooLarge);
        if ((long)declared > fileBytes - LengthBytes)
            throw new WeftFileException(path, 0, $"The header length {declared} reaches past the end of the file ({fileBytes} bytes).", fault: FileFault.Truncated);
        if (declared < 2)
            throw new WeftFileException(path, 0, $"The header length {declared} is too short for a JSON object.", fault: FileFault.BadHeaderLength);

        byte[] json = new byte[declared];
        ReadExactly(path, file, LengthBytes, json);

        long dataStart = LengthBytes + (long)declared;
        SafetensorsHeader header = new(path, dataStart, fileBytes - dataStart);
        header.CheckTiling(header.Parse(json));
        return header;
    }

    public static void ReadExactly(string path, SafeFileHandle file, long offset, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = RandomAccess.Read(file, destination, offset);
            if (count == 0) throw new WeftFileException(path, offset, "The file ends here; it was cut short after it was opened.", fault: FileFault.Truncated);
            destination = destination[count..];
            offset += count;
        }
    }

    private List<SafetensorsEntry> Parse(byte[] json)
    {
        if (json[0] != (byte)'{') throw Error(0, "The header does not start with '{'.");

        List<SafetensorsEntry> entries = [];
        HashSet<string> names = new(StringComparer.Ordinal);
        Utf8JsonReader reader = new(json);
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                long at = reader.TokenStartIndex;
                string name = reader.GetString()!;
                if (!names.Add(name)) throw Error(at, $"The name \"{Shown(name)}\" occurs twice.", FileFault.DuplicateKey);
                reader.Read();
                if (name == "__metadata__") ParseMetadata(ref reader);
                else entries.Add(ParseEntry(ref reader, name, at));
            }
            // Past the closing brace only white space is JSON; the reader refuses anything else.
            reader.Read();
        }
        catch (JsonException exception)
        {
            throw new WeftFileException(_path, LengthBytes + reader.BytesConsumed, $"The header is not valid JSON: {exception.Message}", exception, FileFault.BadJson);
        }
        catch (InvalidOperationException exception)
        {
            // What Utf8JsonReader throws for bytes that are not UTF-8 and for half surrogates.
            throw new WeftFileException(_path, LengthBytes + reader.TokenStartIndex, "The header holds text that is not valid Unicode.", exception, FileFault.BadUnicode);
        }
        return entries;
    }

    private void ParseMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Error(reader.TokenStartIndex, "__metadata__ is not an object.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            long at = reader.TokenStartIndex;
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Error(reader.TokenStartIndex, $"__metadata__ \"{Shown(key)}\" is not a string.");
            if (!Metadata.TryAdd(key, reader.GetString()!)) throw Error(at, $"__metadata__ \"{Shown(key)}\" occurs twice.", FileFault.DuplicateKey);
        }
    }

    private SafetensorsEntry ParseEntry(ref Utf8JsonReader reader, string name, long at)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Error(reader.TokenStartIndex, $"{Shown(name)}: not an object.");

        SafetensorsType? type = null;
        int[]? shape = null;
        (long Begin, long End)? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            long fieldAt = reader.TokenStartIndex;
            string field = reader.GetString()!;
            reader.Read();
            bool again = field switch { "dtype" => type is not null, "shape" => shape is not null, "data_offsets" => offsets is not null, _ => false };
            if (again) throw Error(fieldAt, $"{Shown(name)}: {field} occurs twice.", FileFault.DuplicateKey);
            switch (field)
            {
                case "dtype": type = ParseType(ref reader, name); break;
                case "shape": shape = ParseShape(ref reader, name); break;
                case "data_offsets": offsets = ParseOffsets(ref reader, name); break;
                default: reader.Skip(); break; // As the reference does: later versions may add fields.
            }
        }
        if (type is null) throw Error(at, $"{Shown(name)}: dtype is missing.");
        if (shape is null) throw Error(at, $"{Shown(name)}: shape is missing.");
        if (offsets is null) throw Error(at, $"{Shown(name)}: data_offsets is missing.");

        (long begin, long end) = offsets.Value;
        long bytes = type.Value.ByteSize();
        try { foreach (int size in shape) bytes = checked(bytes * size); }
        catch (OverflowException) { throw Error(at, $"{Shown(name)}: the product of the shape does not fit in 64 bits.", FileFault.Overflow); }
        if (end > _dataBytes)
            throw Error(at, $"{Shown(name)}: data_offsets end at {end}, past the end of the file ({_dataBytes} bytes of data).", FileFault.OutOfBounds);
        if (end - begin != bytes)
            throw Error(at, $"{Shown(name)}: {type.Value.FormatName()} {Shown(shape)} has {bytes} bytes, but data_offsets span {end - begin}.", FileFault.ShapeMismatch);
        return new SafetensorsEntry(name, type.Value, shape, _dataStart + begin, bytes);
    }

    private SafetensorsType ParseType(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.String) throw Error(reader.TokenStartIndex, $"{Shown(name)}: dtype is not a string.");
        string text = reader.GetString()!;
        return SafetensorsTypes.TryParse(text, out SafetensorsType type)
            ? type
            : throw Error(reader.TokenStartIndex, $"{Shown(name)}: the element type \"{Shown(text)}\" is not supported.", FileFault.BadDtype);
    }

    private int[] ParseShape(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Error(reader.TokenStartIndex, $"{Shown(name)}: shape is not an array.");
        List<int> shape = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.Number && reader.TryGetUInt64(out ulong large) && large > int.MaxValue)
                throw Error(reader.TokenStartIndex, $"{Shown(name)}: the size {large} in shape is over {int.MaxValue}.", FileFault.Overflow);
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int size) || size < 0)
                throw Error(reader.TokenStartIndex, $"{Shown(name)}: a size in shape is not an integer from 0 to {int.MaxValue}.");
            shape.Add(size);
        }
        return [.. shape];
    }

    private (long Begin, long End) ParseOffsets(ref Utf8JsonReader reader, string name)
    {
        long at = reader.TokenStartIndex;
        Span<long> pair = stackalloc long[2];
        int count = 0;
        if (reader.TokenType == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.Number && count < 2 && reader.TryGetUInt64(out ulong value))
            {
                if (value > long.MaxValue) throw Error(at, $"{Shown(name)}: data_offsets reach {value}, past the end of the file.", FileFault.OutOfBounds);
                pair[count++] = (long)value;
            }
        }
        if (reader.TokenType != JsonTokenType.EndArray || count != 2) throw Error(at, $"{Shown(name)}: data_offsets is not a pair of integers from 0 on.");
        if (pair[0] > pair[1]) throw Error(at, $"{Shown(name)}: data_offsets end at {pair[1]}, before they begin at {pair[0]}.", FileFault.BadOffset);
        return (pair[0], pair[1]);
    }

    // An empty tensor shares its place with the tensor that follows, so ties are ordered by length; the sort is stable, which
    // keeps empty tensors at the same place in the order of the header.
    private void CheckTiling(List<SafetensorsEntry> entries)
    {
        long position = _dataStart;
        foreach (SafetensorsEntry entry in entries.OrderBy(e => e.Offset).ThenBy(e => e.ByteLength))
        {
            if (entry.Offset < position)
                throw new WeftFileException(_path, entry.Offset, $"{Shown(entry.Name)}: overlaps the tensor before it.", fault: FileFault.Overlap);
            if (entry.Offset > position)
                throw new WeftFileException(_path, position, $"A hole of {entry.Offset - position} bytes before {Shown(entry.Name)}.", fault: FileFault.Hole);
            position += entry.ByteLength;
            Entries.Add(entry.Name, entry);
        }
        long left = _dataStart + _dataBytes - position;
        if (left != 0) throw new WeftFileException(_path, position, $"{left} bytes after the last tensor belong to none.", fault: FileFault.TrailingData);
    }

    private WeftFileException Error(long headerIndex, string reason, FileFault fault = FileFault.BadJson) => new(_path, LengthBytes + headerIndex, reason, fault: fault);

    private static string Shown(int[] shape)
    {
        const int Most = 8;
        return $"[{string.Join(", ", shape.Take(Most))}{(shape.Length > Most ? ", ..." : "")}]";
    }

    // Names come from the file: cut, and without control characters, so that the message stays one line.
    private static string Shown(string text)
    {
        const int Most = 120;
        string cut = text.Length > Most ? text[..Most] + "..." : text;
        return string.Concat(cut.Select(c => char.IsControl(c) ? '?' : c));
    }
}
