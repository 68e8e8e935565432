using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Weft.Tensors.Quantization;

namespace Weft.Tensors.Files.Gguf;

/// <summary>Parses and checks everything before the tensors' bytes.</summary>
/// <remarks>
/// Layout, little-endian: "GGUF", u32 version, u64 tensor count, u64 pair count; pairs (key, u32 type, value); tensors (name, u32 number of
/// dimensions, u64 sizes innermost first, u32 type, u64 offset); padding to the alignment; the tensors' bytes. Texts are a u64 length and
/// UTF-8. Every length is compared with what is left of the file before anything is allocated for it, so a hostile file costs memory and
/// time in proportion to its own size.
/// </remarks>
internal sealed unsafe class GgufHeader
{
    private const uint Magic = 0x46554747; // "GGUF"
    private const string AlignmentKey = "general.alignment";
    private const int LargestAlignment = 1 << 20, MostDimensions = 4;

    // Some ten times what the largest published files have; it bounds the memory for their descriptions.
    private const int MostItems = 1 << 18;
    private const int LeastPairBytes = 8 + 4 + 1, LeastTensorBytes = 8 + 4 + 8 + 4 + 8;

    private readonly MappedFile _file;
    private long _position;

    internal GgufHeader(MappedFile file)
    {
        _file = file;
        uint magic = Read<uint>("the magic number");
        if (magic != Magic) throw Fault(0, FileFault.BadMagic, "the file does not begin with 'GGUF'.");
        Version = (int)Read<uint>("the version");
        if (Version is not (2 or 3))
        {
            bool swapped = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(Version) is 2 or 3;
            throw Fault(4, swapped ? FileFault.BigEndian : FileFault.UnsupportedVersion, swapped ? "the file is in big-endian order, which is not read." : $"version {(uint)Version} is not read; 2 and 3 are.");
        }
        long tensors = Count("tensors", LeastTensorBytes), pairs = Count("metadata pairs", LeastPairBytes);
        RequireRoom(pairs, LeastPairBytes, 16, "metadata pairs");
        for (long i = 0; i < pairs; i++) ReadPair();
        RequireRoom(tensors, LeastTensorBytes, 8, "tensors");
        long alignment = Alignment();
        List<(GgufEntry Entry, long At)> found = [];
        for (long i = 0; i < tensors; i++) found.Add(ReadTensor());
        DataStart = (_position + alignment - 1) / alignment * alignment;
        Place(found, alignment);
    }

    internal int Version { get; }

    internal long DataStart { get; }

    internal OrderedDictionary<string, GgufValue> Metadata { get; } = new(StringComparer.Ordinal);

    internal OrderedDictionary<string, GgufEntry> Entries { get; } = new(StringComparer.Ordinal);

    private long Left => _file.Length - _position;

    private void ReadPair()
    {
        long at = _position;
        string key = ReadText("a metadata key", FileFault.BadUnicode);
        if (key.Length == 0) throw Fault(at, FileFault.BadValue, "a metadata key is empty.");
        long typeAt = _position;
        GgufValueType type = (GgufValueType)Read<uint>($"the type of '{Shown(key)}'"), element = type;
        if (!Enum.IsDefined(type)) throw Fault(typeAt, FileFault.BadValueType, $"'{Shown(key)}' has the unknown value type {(uint)type}.");
        long count = 1, start = _position;
        if (type == GgufValueType.Array)
        {
            element = (GgufValueType)Read<uint>($"the element type of '{Shown(key)}'");
            if (!Enum.IsDefined(element) || element == GgufValueType.Array)
                throw Fault(start, FileFault.BadValueType, element == GgufValueType.Array ? $"'{Shown(key)}' is an array of arrays, which is not read." : $"'{Shown(key)}' has the unknown element type {(uint)element}.");
            int least = element == GgufValueType.Text ? 8 : GgufValue.ByteSize(element);
            long countAt = _position;
            count = Count($"elements of '{Shown(key)}'", least);
            RequireRoom(count, least, countAt, $"elements of '{Shown(key)}'");
            start = _position;
        }
        if (element == GgufValueType.Text)
        {
            for (long i = 0; i < count; i++) SkipText(key);
        }
        else
        {
            long bytes = count * GgufValue.ByteSize(element);
            if (bytes > Left) throw Fault(_position, FileFault.Truncated, $"the file ends inside the value of '{Shown(key)}'.");
            _position += bytes;
        }
        if (type == GgufValueType.Bool && _file.Start[start] > 1) throw Fault(start, FileFault.BadValue, $"'{Shown(key)}' is neither true (1) nor false (0) but {_file.Start[start]}.");
        if (!Metadata.TryAdd(key, new GgufValue(_file, key, type, element, count, start, _position - start))) throw Fault(at, FileFault.DuplicateKey, $"the metadata key '{Shown(key)}' stands twice.");
    }

    private (GgufEntry, long) ReadTensor()
    {
        long at = _position;
        string name = ReadText("a tensor's name", FileFault.BadUnicode);
        long dimensionsAt = _position;
        uint dimensions = Read<uint>($"the number of dimensions of '{Shown(name)}'");
        if (dimensions is 0 or > MostDimensions) throw Fault(dimensionsAt, FileFault.BadDimensions, $"'{Shown(name)}' has {dimensions} dimensions; 1 to {MostDimensions} are allowed.");
        int[] shape = new int[dimensions];
        long elements = 1;
        for (int d = 0; d < dimensions; d++)
        {
            long sizeAt = _position;
            ulong size = Read<ulong>($"the shape of '{Shown(name)}'");
            if (size > int.MaxValue) throw Fault(sizeAt, FileFault.BadDimensions, $"'{Shown(name)}' has the size {size}; the largest allowed is {int.MaxValue}.");
            try { elements = checked(elements * (long)size); }
            catch (OverflowException) { throw Fault(sizeAt, FileFault.Overflow, $"'{Shown(name)}': the product of the shape does not fit in 64 bits."); }
            shape[dimensions - 1 - d] = (int)size;
        }
        long typeAt = _position;
        GgufType type = (GgufType)Read<uint>($"the type of '{Shown(name)}'");
        if (!type.IsKnown()) throw Fault(typeAt, FileFault.BadTensorType, $"'{Shown(name)}' has the unknown element type {(uint)type}.");
        if (shape[^1] % type.BlockValues() != 0) throw Fault(dimensionsAt + 4, FileFault.BadDimensions, $"'{Shown(name)}': a row of {shape[^1]} does not fill blocks of {type.BlockValues()} ({type}).");
        long offsetAt = _position;
        ulong offset = Read<ulong>($"the offset of '{Shown(name)}'");
        if (offset > (ulong)_file.Length) throw Fault(offsetAt, FileFault.OutOfBounds, $"'{Shown(name)}' begins at {offset}, past the end of the file, which has {_file.Length} bytes: it is not whole.");
        long blocks = elements / type.BlockValues();
        if (blocks > _file.Length) throw Fault(dimensionsAt + 4, FileFault.OutOfBounds, $"'{Shown(name)}' has {elements} elements, more than the file holds.");
        GgufEntry entry = new(name, type, shape, (long)offset, blocks * type.BlockBytes());
        if (!Entries.TryAdd(name, entry)) throw Fault(at, FileFault.DuplicateTensor, $"two tensors are called '{Shown(name)}'.");
        return (entry, offsetAt);
    }

    // Offsets become places in the file. Holes are allowed, since padding is one; shared bytes are not.
    private void Place(List<(GgufEntry Entry, long At)> found, long alignment)
    {
        long end = DataStart;
        string before = "";
        foreach ((GgufEntry entry, long at) in found.OrderBy(static f => f.Entry.Offset).ThenBy(static f => f.Entry.ByteLength))
        {
            if (entry.Offset % alignment != 0) throw Fault(at, FileFault.BadOffset, $"'{Shown(entry.Name)}' begins at {entry.Offset}, which is not a multiple of the alignment {alignment}.");
            long start = DataStart + entry.Offset;
            if (entry.ByteLength > _file.Length - start) throw Fault(at, FileFault.OutOfBounds, $"'{Shown(entry.Name)}' needs {entry.ByteLength} bytes from byte {start}, but the file has {_file.Length}: it is not whole.");
            if (start < end && entry.ByteLength > 0) throw Fault(at, FileFault.BadOffset, $"'{Shown(entry.Name)}' begins at {entry.Offset}, inside '{Shown(before)}'.");
            Entries[entry.Name] = entry with { Offset = start };
            (end, before) = (Math.Max(end, start + entry.ByteLength), entry.Name);
        }
    }

    private long Alignment()
    {
        if (!Metadata.TryGetValue(AlignmentKey, out GgufValue? value)) return GgufFile.DefaultAlignment;
        if (value.Type != GgufValueType.U32) throw Fault(value.Offset, FileFault.BadValueType, $"'{AlignmentKey}' is {value.Type}, but must be U32.");
        long alignment = value.AsInteger();
        return alignment is >= 8 and <= LargestAlignment && long.IsPow2(alignment) ? alignment
            : throw Fault(value.Offset, FileFault.BadAlignment, $"the alignment {alignment} is not a power of two from 8 to {LargestAlignment}.");
    }

    private long Count(string what, int leastBytes)
    {
        long at = _position;
        ulong count = Read<ulong>($"the number of {what}");
        if (leastBytes >= LeastPairBytes && count is > MostItems and <= int.MaxValue) throw Fault(at, FileFault.TooLarge, $"{count} {what}; the most allowed is {MostItems}.");
        return count <= (ulong)_file.Length ? (long)count
            : throw Fault(at, count > int.MaxValue ? FileFault.TooLarge : FileFault.Truncated, $"{count} {what} need at least {leastBytes} bytes each, but the file has {_file.Length} bytes.");
    }

    private void RequireRoom(long count, int leastBytes, long at, string what)
    {
        if (count > Left / leastBytes) throw Fault(at, FileFault.Truncated, $"{count} {what} need at least {leastBytes} bytes each, but {Left} bytes are left.");
    }

    private T Read<T>(string what) where T : unmanaged
    {
        if (Left < sizeof(T)) throw Fault(_position, FileFault.Truncated, $"the file ends inside {what}.");
        T value = Unsafe.ReadUnaligned<T>(_file.Start + _position);
        _position += sizeof(T);
        return value;
    }

    private string ReadText(string what, FileFault fault)
    {
        long at = _position;
        ReadOnlySpan<byte> bytes = TextBytes(what);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Fault(at + 8, fault, $"{what} is not valid UTF-8.");
    }

    // A vocabulary has some hundred thousand of them: a message is made only where it is needed.
    private void SkipText(string key)
    {
        if (Left >= sizeof(ulong) && Unsafe.ReadUnaligned<ulong>(_file.Start + _position) is var length && length <= (ulong)Left - sizeof(ulong) && length <= int.MaxValue) _position += sizeof(ulong) + (long)length;
        else _ = TextBytes($"a text of '{Shown(key)}'");
    }

    private ReadOnlySpan<byte> TextBytes(string what)
    {
        long at = _position;
        ulong length = Read<ulong>($"the length of {what}");
        if (length > (ulong)Left) throw Fault(at, length > int.MaxValue ? FileFault.TooLarge : FileFault.Truncated, $"{what} has {length} bytes, but {Left} bytes are left.");
        if (length > int.MaxValue) throw Fault(at, FileFault.TooLarge, $"{what} has {length} bytes; the most allowed is {int.MaxValue}.");
        ReadOnlySpan<byte> bytes = new(_file.Start + _position, (int)length);
        _position += (long)length;
        return bytes;
    }

    private WeftFileException Fault(long at, FileFault fault, string reason) => new(_file.Path, at, reason, fault: fault);

    // Names come from the file: cut, and without control characters, so that the message stays one line.
    private static string Shown(string text)
    {
        const int Most = 80;
        string cut = text.Length > Most ? text[..Most] + "..." : text;
        return string.Concat(cut.Select(static c => char.IsControl(c) ? '?' : c));
    }
}
