using System.Runtime.InteropServices;
using System.Text;

namespace Weft.Tensors.Files.Gguf;

/// <summary>A metadata value; arrays stay in the mapped file until they are read.</summary>
/// <remarks>The file has checked that every element lies inside it. Values may be read for as long as the file is open.</remarks>
public sealed class GgufValue
{
    private readonly MappedFile _file;
    private readonly string _key;
    private readonly long _offset;

    internal GgufValue(MappedFile file, string key, GgufValueType type, GgufValueType elementType, long count, long offset, long byteLength)
    {
        (_file, _key, Type, ElementType, Count, _offset, ByteLength) = (file, key, type, elementType, count, offset, byteLength);
    }

    /// <summary>The type.</summary>
    public GgufValueType Type { get; }

    /// <summary>The elements' type for an array, else <see cref="Type"/>.</summary>
    public GgufValueType ElementType { get; }

    /// <summary>The number of elements; 1 for a single value.</summary>
    public long Count { get; }

    /// <summary>The bytes of all elements as they stand in the file.</summary>
    public long ByteLength { get; }

    /// <summary>Where the first element stands in the file.</summary>
    public long Offset => _offset;

    /// <summary>The elements as they stand in the file, to be copied into another.</summary>
    public ReadOnlySpan<byte> RawBytes => _file.Span(_offset, checked((int)ByteLength));

    /// <summary>The single text.</summary>
    /// <exception cref="WeftFileException">The value is not a text.</exception>
    public string AsText()
    {
        if (Type != GgufValueType.Text) throw Wrong("a text");
        return Read(static (bytes, _) => Encoding.UTF8.GetString(bytes[8..]));
    }

    /// <summary>The single whole number, or a truth value as 0 or 1.</summary>
    /// <exception cref="WeftFileException">The value is not a whole number, or does not fit.</exception>
    public long AsInteger()
    {
        if (Type is GgufValueType.Array || !IsInteger(Type)) throw Wrong("a whole number");
        return Read(static (bytes, value) => value.Integer(bytes, 0));
    }

    /// <summary>The single whole number, which must fit in 32 bits.</summary>
    /// <exception cref="WeftFileException">The value is not such a number.</exception>
    public int AsInt32() => AsInteger() is var value && value == (int)value ? (int)value : throw Wrong("a 32-bit whole number");

    /// <summary>The single number.</summary>
    /// <exception cref="WeftFileException">The value is not a number.</exception>
    public double AsNumber() => Type switch
    {
        GgufValueType.F32 => Read(static (bytes, _) => MemoryMarshal.Read<float>(bytes)),
        GgufValueType.F64 => Read(static (bytes, _) => MemoryMarshal.Read<double>(bytes)),
        _ => IsInteger(Type) ? AsInteger() : throw Wrong("a number"),
    };

    /// <summary>The single truth value.</summary>
    /// <exception cref="WeftFileException">The value is not a truth value.</exception>
    public bool AsFlag() => Type == GgufValueType.Bool ? Read(static (bytes, _) => bytes[0] != 0) : throw Wrong("true or false");

    /// <summary>An array of texts.</summary>
    /// <exception cref="WeftFileException">The value is no such array.</exception>
    public string[] AsTexts()
    {
        if (Type != GgufValueType.Array || ElementType != GgufValueType.Text) throw Wrong("an array of texts");
        string[] texts = new string[Count];
        ReadOnlySpan<byte> bytes = RawBytes;
        for (int i = 0; i < texts.Length; i++)
        {
            int length = (int)MemoryMarshal.Read<ulong>(bytes);
            texts[i] = Encoding.UTF8.GetString(bytes.Slice(8, length));
            bytes = bytes[(8 + length)..];
        }
        GC.KeepAlive(_file);
        return texts;
    }

    /// <summary>An array of whole numbers, or a single one as an array of one.</summary>
    /// <exception cref="WeftFileException">The value is no such array, or a number does not fit in 32 bits.</exception>
    public int[] AsInt32s()
    {
        if (!IsInteger(ElementType)) throw Wrong("an array of whole numbers");
        int[] numbers = new int[Count];
        ReadOnlySpan<byte> bytes = RawBytes;
        for (int i = 0; i < numbers.Length; i++)
        {
            long value = Integer(bytes, i);
            numbers[i] = value == (int)value ? (int)value : throw Wrong("an array of 32-bit whole numbers");
        }
        GC.KeepAlive(_file);
        return numbers;
    }

    /// <summary>An array of numbers as singles.</summary>
    /// <exception cref="WeftFileException">The value is no such array.</exception>
    public float[] AsSingles()
    {
        if (ElementType == GgufValueType.F32) return Read(static (bytes, _) => MemoryMarshal.Cast<byte, float>(bytes).ToArray());
        if (ElementType == GgufValueType.F64) return Read(static (bytes, _) => Array.ConvertAll(MemoryMarshal.Cast<byte, double>(bytes).ToArray(), static v => (float)v));
        return [.. AsInt32s().Select(static v => (float)v)];
    }

    /// <summary>The value in words: texts and numbers as they are, long arrays by their beginning.</summary>
    public override string ToString()
    {
        const int Most = 6;
        if (Type == GgufValueType.Text) return AsText();
        if (Type == GgufValueType.Bool) return AsFlag() ? "true" : "false";
        if (Type != GgufValueType.Array) return AsNumber().ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        IEnumerable<string> shown = ElementType == GgufValueType.Text ? FirstTexts(Most).Select(static t => $"\"{t}\"")
            : Enumerable.Range(0, (int)Math.Min(Most, Count)).Select(Element);
        return $"{Count} {ElementType}: [{string.Join(", ", shown)}{(Count > Most ? ", ..." : "")}]";
    }

    internal static int ByteSize(GgufValueType type) => type switch
    {
        GgufValueType.U8 or GgufValueType.I8 or GgufValueType.Bool => 1,
        GgufValueType.U16 or GgufValueType.I16 => 2,
        GgufValueType.U32 or GgufValueType.I32 or GgufValueType.F32 => 4,
        GgufValueType.U64 or GgufValueType.I64 or GgufValueType.F64 => 8,
        _ => 0,
    };

    private string Element(int i) => Read((bytes, value) => value.ElementType switch
    {
        GgufValueType.F32 => MemoryMarshal.Read<float>(bytes[(i * 4)..]).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        GgufValueType.F64 => MemoryMarshal.Read<double>(bytes[(i * 8)..]).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        _ => value.Integer(bytes, i).ToString(System.Globalization.CultureInfo.InvariantCulture),
    });

    private T Read<T>(Func<ReadOnlySpan<byte>, GgufValue, T> read)
    {
        T value = read(RawBytes, this);
        GC.KeepAlive(_file); // whoever asks may hold nothing else of the file
        return value;
    }

    private List<string> FirstTexts(int most)
    {
        List<string> texts = [];
        ReadOnlySpan<byte> bytes = RawBytes;
        for (int i = 0; i < Math.Min(most, Count); i++)
        {
            int length = (int)MemoryMarshal.Read<ulong>(bytes);
            texts.Add(Encoding.UTF8.GetString(bytes.Slice(8, length)));
            bytes = bytes[(8 + length)..];
        }
        GC.KeepAlive(_file);
        return texts;
    }

    private static bool IsInteger(GgufValueType type) => type is not (GgufValueType.F32 or GgufValueType.F64 or GgufValueType.Text or GgufValueType.Array);

    private long Integer(ReadOnlySpan<byte> bytes, int i)
    {
        bytes = bytes[(i * ByteSize(ElementType))..];
        return ElementType switch
        {
            GgufValueType.U8 or GgufValueType.Bool => bytes[0],
            GgufValueType.I8 => (sbyte)bytes[0],
            GgufValueType.U16 => MemoryMarshal.Read<ushort>(bytes),
            GgufValueType.I16 => MemoryMarshal.Read<short>(bytes),
            GgufValueType.U32 => MemoryMarshal.Read<uint>(bytes),
            GgufValueType.I32 => MemoryMarshal.Read<int>(bytes),
            GgufValueType.I64 => MemoryMarshal.Read<long>(bytes),
            _ => MemoryMarshal.Read<ulong>(bytes) is var value && value <= long.MaxValue ? (long)value : throw Wrong("a 63-bit whole number"),
        };
    }

    private WeftFileException Wrong(string expected) =>
        new(_file.Path, _offset, $"the metadata value '{_key}' is {(Type == GgufValueType.Array ? $"an array of {ElementType}" : Type.ToString())}, but must be {expected}.", fault: FileFault.BadValueType);
}
