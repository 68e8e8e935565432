namespace Weft.Tokenizers;

/// <summary>GPT-2's spelling of the 256 bytes as 256 visible characters.</summary>
/// <remarks>
/// Printable Latin-1 bytes spell themselves; the others, in ascending order, are U+0100, U+0101 and so on, so that a space is
/// <c>Ġ</c> and a line feed is <c>Ċ</c> (Radford et al. 2019, <c>bytes_to_unicode</c> in the published encoder.py).
/// </remarks>
internal static class ByteAlphabet
{
    private static readonly char[] CharacterOfByte = BuildCharacters();
    private static readonly short[] ByteOfCharacter = BuildBytes();

    /// <summary>The character that spells a byte.</summary>
    public static char Character(byte value) => CharacterOfByte[value];

    /// <summary>The byte that a character spells, or -1.</summary>
    public static int Byte(char character) => character < ByteOfCharacter.Length ? ByteOfCharacter[character] : -1;

    /// <summary>Bytes as their spelling.</summary>
    public static string Spell(ReadOnlySpan<byte> bytes)
    {
        char[] spelling = new char[bytes.Length];
        for (int i = 0; i < bytes.Length; i++) spelling[i] = CharacterOfByte[bytes[i]];
        return new string(spelling);
    }

    /// <summary>Writes the bytes that a token spells; false, and nothing is written, where one of its characters spells no byte.</summary>
    public static bool TryRead(string spelling, System.Buffers.IBufferWriter<byte> bytes)
    {
        Span<byte> room = bytes.GetSpan(Math.Max(1, spelling.Length));
        for (int i = 0; i < spelling.Length; i++)
        {
            int value = Byte(spelling[i]);
            if (value < 0) return false;
            room[i] = (byte)value;
        }
        bytes.Advance(spelling.Length);
        return true;
    }

    /// <summary>The bytes that a token spells, or null where one of its characters spells no byte.</summary>
    public static byte[]? Read(string spelling)
    {
        byte[] bytes = new byte[spelling.Length];
        for (int i = 0; i < spelling.Length; i++)
        {
            int value = Byte(spelling[i]);
            if (value < 0) return null;
            bytes[i] = (byte)value;
        }
        return bytes;
    }

    /// <summary>The bytes in the order of their characters' code points, which is the order of ids that trainers give them.</summary>
    public static byte[] InCodePointOrder()
    {
        byte[] order = new byte[256];
        for (int i = 0; i < order.Length; i++) order[i] = (byte)i;
        Array.Sort(order, (a, b) => CharacterOfByte[a] - CharacterOfByte[b]);
        return order;
    }

    private static char[] BuildCharacters()
    {
        char[] table = new char[256];
        char next = '\u0100';
        for (int value = 0; value < table.Length; value++)
        {
            bool printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            table[value] = printable ? (char)value : next++;
        }
        return table;
    }

    private static short[] BuildBytes()
    {
        short[] table = new short[CharacterOfByte.Max() + 1];
        Array.Fill(table, (short)-1);
        for (int value = 0; value < 256; value++) table[CharacterOfByte[value]] = (short)value;
        return table;
    }
}
