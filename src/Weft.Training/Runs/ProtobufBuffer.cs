using System.Buffers.Binary;
using System.Text;

namespace Weft.Training.Runs;

/// <summary>A growing buffer that is written in the wire format of protocol buffers, and reused.</summary>
internal sealed class ProtobufBuffer
{
    private const int Varint = 0, Eight = 1, Delimited = 2, Four = 5;

    private byte[] _bytes = new byte[1024];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Int64(int field, long value)
    {
        Raw((ulong)(field << 3 | Varint));
        Raw((ulong)value);
    }

    public void Double(int field, double value)
    {
        Raw((ulong)(field << 3 | Eight));
        BinaryPrimitives.WriteDoubleLittleEndian(Take(sizeof(double)), value);
    }

    public void Float(int field, float value)
    {
        Raw((ulong)(field << 3 | Four));
        BinaryPrimitives.WriteSingleLittleEndian(Take(sizeof(float)), value);
    }

    public void Text(int field, ReadOnlySpan<char> value)
    {
        Raw((ulong)(field << 3 | Delimited));
        int bytes = Encoding.UTF8.GetByteCount(value);
        Raw((ulong)bytes);
        Encoding.UTF8.GetBytes(value, Take(bytes));
    }

    /// <summary>Opens a nested message; give the result to <see cref="End"/>.</summary>
    public int Begin(int field)
    {
        Raw((ulong)(field << 3 | Delimited));
        return Length;
    }

    /// <summary>Closes a nested message: its length, known only now, is put in front of it.</summary>
    public void End(int start)
    {
        int length = Length - start;
        int prefix = 1;
        for (int rest = length >> 7; rest != 0; rest >>= 7) prefix++;
        Take(prefix);
        _bytes.AsSpan(start, length).CopyTo(_bytes.AsSpan(start + prefix));
        int end = Length;
        Length = start;
        Raw((ulong)length);
        Length = end;
    }

    private void Raw(ulong value)
    {
        for (; value >= 0x80; value >>= 7) Take(1)[0] = (byte)(value | 0x80);
        Take(1)[0] = (byte)value;
    }

    private Span<byte> Take(int count)
    {
        if (Length + count > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, Length + count));
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }
}
