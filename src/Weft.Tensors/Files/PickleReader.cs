using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Weft.Tensors.Files;

/// <summary>A function or class that a pickle names: a name, and nothing that could be called.</summary>
internal sealed record PickleName(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>Reads Python's pickle format as data.</summary>
/// <remarks>
/// A pickle is a program for a stack machine whose instructions may import and call anything. This one has the instructions that
/// make numbers, texts, tuples, lists, dictionaries and sets; what a pickle wants to call or to look up by an identity is handed to
/// the owner, who knows a short list of names and refuses the rest. Every length is checked against what is left of the file before
/// memory is taken. Values: null, bool, long, BigInteger, double, string, byte[], object?[] (tuple), List (list and set),
/// Dictionary, <see cref="PickleName"/>, and what the owner makes.
/// </remarks>
internal sealed class PickleReader(Stream stream, long length, string path, long start, Func<PickleName, object?[], long, object?> call, Func<object?, long, object?> load)
{
    private static readonly object s_mark = new();
    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];
    private long _at;

    /// <summary>Where in the file the reader stands.</summary>
    internal long Position => start + _at;

    /// <summary>Reads one pickle and returns its value.</summary>
    /// <exception cref="WeftFileException">It is damaged, or has an instruction or a name that is refused.</exception>
    internal object? Read()
    {
        _stack.Clear();
        _memo.Clear();
        while (true)
        {
            long at = Position;
            byte code = Byte();
            switch (code)
            {
                case (byte)'.': return Pop();
                case 0x80: if (Byte() > 5) throw Damaged(at, "its protocol is newer than 5"); break;
                case 0x95: Fixed(8); break;                                         // FRAME: how long the next part is
                case (byte)'(': _stack.Add(s_mark); break;
                case (byte)'0': Pop(); break;
                case (byte)'1': PopToMark(); break;
                case (byte)'2': _stack.Add(Peek()); break;
                case (byte)'N': _stack.Add(null); break;
                case 0x88: _stack.Add(true); break;
                case 0x89: _stack.Add(false); break;
                case (byte)'K': _stack.Add((long)Byte()); break;
                case (byte)'M': _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Fixed(2))); break;
                case (byte)'J': _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Fixed(4))); break;
                case 0x8a: _stack.Add(Integer(Fixed(Byte()))); break;
                case 0x8b: _stack.Add(Integer(Fixed(BinaryPrimitives.ReadInt32LittleEndian(Fixed(4))))); break;
                case (byte)'G': _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Fixed(8))); break;
                case (byte)'I': _stack.Add(DecimalInteger(at)); break;
                case (byte)'L': _stack.Add(DecimalInteger(at)); break;
                case (byte)'F': _stack.Add(double.TryParse(Line(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : throw Damaged(at, "a number is not one")); break;
                case (byte)'X': _stack.Add(Text(Fixed(BinaryPrimitives.ReadUInt32LittleEndian(Fixed(4))), at)); break;
                case 0x8c: _stack.Add(Text(Fixed(Byte()), at)); break;
                case 0x8d: _stack.Add(Text(Fixed(Long(at)), at)); break;
                case (byte)'U': _stack.Add(Encoding.Latin1.GetString(Fixed(Byte()))); break;
                case (byte)'T': _stack.Add(Encoding.Latin1.GetString(Fixed(BinaryPrimitives.ReadUInt32LittleEndian(Fixed(4))))); break;
                case (byte)'C': _stack.Add(Fixed(Byte()).ToArray()); break;
                case (byte)'B': _stack.Add(Fixed(BinaryPrimitives.ReadUInt32LittleEndian(Fixed(4))).ToArray()); break;
                case 0x8e or 0x96: _stack.Add(Fixed(Long(at)).ToArray()); break;
                case (byte)')': _stack.Add(Array.Empty<object?>()); break;
                case (byte)'t': _stack.Add(PopToMark()); break;
                case 0x85: _stack.Add(PopMany(1)); break;
                case 0x86: _stack.Add(PopMany(2)); break;
                case 0x87: _stack.Add(PopMany(3)); break;
                case (byte)']' or 0x8f: _stack.Add(new List<object?>()); break;
                case (byte)'l' or 0x91: _stack.Add(new List<object?>(PopToMark())); break;
                case (byte)'a': AppendAll(PopMany(1), at); break;
                case (byte)'e' or 0x90: AppendAll(PopToMark(), at); break;
                case (byte)'}': _stack.Add(new Dictionary<object, object?>()); break;
                case (byte)'d': { object?[] items = PopToMark(); _stack.Add(new Dictionary<object, object?>()); SetAll(items, at); break; }
                case (byte)'s': SetAll(PopMany(2), at); break;
                case (byte)'u': SetAll(PopToMark(), at); break;
                case (byte)'q': _memo[Byte()] = Peek(); break;
                case (byte)'r': _memo[BinaryPrimitives.ReadUInt32LittleEndian(Fixed(4))] = Peek(); break;
                case (byte)'p': _memo[DecimalIndex(at)] = Peek(); break;
                case 0x94: _memo[_memo.Count] = Peek(); break;
                case (byte)'h': _stack.Add(Remembered(Byte(), at)); break;
                case (byte)'j': _stack.Add(Remembered(BinaryPrimitives.ReadUInt32LittleEndian(Fixed(4)), at)); break;
                case (byte)'g': _stack.Add(Remembered(DecimalIndex(at), at)); break;
                case (byte)'c': _stack.Add(new PickleName(Modern(Line()), Line())); break;
                case 0x93:
                    object?[] pair = PopMany(2);
                    _stack.Add(pair is [string module, string name] ? new PickleName(module, name) : throw Damaged(at, "a class is not named by texts"));
                    break;
                case (byte)'R' or 0x81:                                            // REDUCE, NEWOBJ
                    object?[] callee = PopMany(2);
                    _stack.Add(callee is [PickleName function, object?[] arguments] ? call(function, arguments, at) : throw Damaged(at, "it calls what has no name"));
                    break;
                case (byte)'Q': _stack.Add(load(Pop(), at)); break;
                case (byte)'b': Pop(); break;                                       // BUILD: attributes, of which none is needed
                default:
                    throw new WeftFileException(path, at, $"the pickle has the instruction 0x{code:x2}, which data does not need; it is refused.");
            }
        }
    }

    // Protocol 2 spells the built-in functions as Python 2 did.
    private static string Modern(string module) => module == "__builtin__" ? "builtins" : module;

    private byte Byte()
    {
        int value = stream.ReadByte();
        if (value < 0 || _at >= length) throw Damaged(Position, "it ends too early");
        _at++;
        return (byte)value;
    }

    private ReadOnlySpan<byte> Fixed(long count)
    {
        if (count < 0 || count > length - _at) throw Damaged(Position, $"a value has {count} bytes, but {length - _at} are left");
        byte[] bytes = new byte[count];
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length) throw Damaged(Position, "it ends too early");
        _at += count;
        return bytes;
    }

    private long Long(long at)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(Fixed(8));
        return value <= long.MaxValue ? (long)value : throw Damaged(at, "a length is too large");
    }

    private string Line()
    {
        StringBuilder line = new();
        for (byte next = Byte(); next != (byte)'\n'; next = Byte())
        {
            if (line.Length >= 4096) throw Damaged(Position, "a line is longer than 4,096 bytes");
            line.Append((char)next);
        }
        return line.ToString();
    }

    private object DecimalInteger(long at)
    {
        string line = Line().TrimEnd('L');
        return line == "00" ? false : line == "01" ? true
            : long.TryParse(line, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : throw Damaged(at, "a number is not one");
    }

    private long DecimalIndex(long at) => DecimalInteger(at) is long index ? index : throw Damaged(at, "a memory index is not a number");

    private string Text(ReadOnlySpan<byte> bytes, long at)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (ArgumentException exception)
        {
            throw new WeftFileException(path, at, "the pickle has a text that is not valid UTF-8.", exception);
        }
    }

    private static object Integer(ReadOnlySpan<byte> bytes)
    {
        BigInteger value = new(bytes);
        return value >= long.MinValue && value <= long.MaxValue ? (long)value : value;
    }

    private object? Peek() => _stack.Count > 0 && _stack[^1] != s_mark ? _stack[^1] : throw Damaged(Position, "it takes from an empty stack");

    private object? Pop()
    {
        object? top = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private object?[] PopMany(int count)
    {
        object?[] values = new object?[count];
        for (int i = count - 1; i >= 0; i--) values[i] = Pop();
        return values;
    }

    private object?[] PopToMark()
    {
        int mark = _stack.LastIndexOf(s_mark);
        if (mark < 0) throw Damaged(Position, "it has no mark where it needs one");
        object?[] values = [.. _stack[(mark + 1)..]];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private void AppendAll(object?[] items, long at)
    {
        if (Peek() is not List<object?> list) throw Damaged(at, "it appends to what is no list");
        list.AddRange(items);
    }

    private void SetAll(object?[] items, long at)
    {
        if (Peek() is not Dictionary<object, object?> dictionary || items.Length % 2 != 0) throw Damaged(at, "it sets items of what is no dictionary");
        for (int i = 0; i < items.Length; i += 2) dictionary[items[i] ?? "None"] = items[i + 1];
    }

    private object? Remembered(long index, long at) => _memo.TryGetValue(index, out object? value) ? value : throw Damaged(at, $"it reads memory {index}, which it never wrote");

    private WeftFileException Damaged(long at, string why) => new(path, at, $"the pickle is damaged: {why}.");
}
