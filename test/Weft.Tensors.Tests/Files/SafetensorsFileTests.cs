using System.Buffers.Binary;
using System.Text;
using Weft.Tensors.Files;

namespace Weft.Tensors.Tests.Files;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-safetensors-").FullName;

    private string FilePath => Path.Combine(_folder, "x.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Save_ThenOpen_GivesTheSameTensorsAndMetadata()
    {
        SafetensorsWriter writer = new();
        writer.Metadata["made by"] = "a test \"quoted\"";
        writer.AddSingles("b", [2, 3], new float[] { 1, -2, 3.5f, float.NaN, float.PositiveInfinity, float.Epsilon });
        writer.AddSingles("a.scalar", [], new float[] { 7 });
        writer.AddSingles("empty", [4, 0, 2], Array.Empty<float>());
        writer.AddValues<long>("ids", SafetensorsType.I64, [3], new long[] { -1, int.MaxValue, 5 });
        writer.AddValues<byte>("mask", SafetensorsType.Bool, [3], new byte[] { 1, 0, 1 });
        writer.Save(FilePath);

        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        // Wider elements first, else as they were added: eight bytes, four bytes, one byte.
        Assert.Equal(["ids", "b", "a.scalar", "empty", "mask"], file.Entries.Keys);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal("a test \"quoted\"", file.Metadata["made by"]);

        Assert.Equal([2, 3], file.Entries["b"].Shape);
        Assert.Equal(new float[] { 1, -2, 3.5f, float.NaN, float.PositiveInfinity, float.Epsilon }, Singles(file, "b"));
        Assert.Empty(file.Entries["a.scalar"].Shape);
        Assert.Equal([7f], Singles(file, "a.scalar"));
        Assert.Equal([4, 0, 2], file.Entries["empty"].Shape);
        Assert.Empty(Singles(file, "empty"));
        Assert.Equal([-1, int.MaxValue, 5], Ints(file, "ids"));
        Assert.Equal([1, 0, 1], Ints(file, "mask"));
        Assert.Equal([1f, 0f, 1f], Singles(file, "mask"));
        foreach (SafetensorsEntry entry in file.Entries.Values) Assert.Equal(0, entry.Offset % entry.Type.ByteSize());
    }

    [Fact]
    public void Save_OfNothing_IsAFileThatOpens()
    {
        new SafetensorsWriter().Save(FilePath);
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        Assert.Empty(file.Entries);
        Assert.Equal(0, new FileInfo(FilePath).Length % 8);
    }

    [Fact]
    public void Save_OfTwoTensors_GivesTheseBytes()
    {
        SafetensorsWriter writer = new();
        writer.AddSingles("y", [1], new float[] { 4 }, SafetensorsType.BF16);
        writer.AddSingles("x", [3], new float[] { 1, 2, 3 });
        writer.Save(FilePath);
        // The wider elements first, the header padded with spaces to eight bytes.
        string header = """{"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"y":{"dtype":"BF16","shape":[1],"data_offsets":[12,14]}}""";
        header = header.PadRight((header.Length + 7) / 8 * 8);
        byte[] expected = [(byte)header.Length, 0, 0, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(header), 0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40, 0x80, 0x40];
        Assert.Equal(expected, File.ReadAllBytes(FilePath));
    }

    [Fact]
    public void Save_DelegateThatWritesTooLittle_ThrowsAndKeepsTheOldFile()
    {
        File.WriteAllText(FilePath, "old");
        SafetensorsWriter writer = new();
        writer.Add("x", SafetensorsType.F32, [2], stream => stream.Write(new byte[7]));
        IOException exception = Assert.Throws<IOException>(() => writer.Save(FilePath));
        Assert.EndsWith("x: 7 bytes were written, its shape has 8.", exception.Message);
        Assert.Equal("old", File.ReadAllText(FilePath));
    }

    [Fact]
    public void Add_WrongDeclarations_Throw()
    {
        SafetensorsWriter writer = new();
        writer.AddSingles("x", [1], new float[1]);
        Assert.Throws<ArgumentException>(() => writer.AddSingles("x", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => writer.AddSingles("__metadata__", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => writer.AddSingles("y", [2], new float[3]));
        Assert.Throws<ArgumentException>(() => writer.AddSingles("y", [-1], new float[1]));
        Assert.Throws<ArgumentException>(() => writer.AddSingles("y", [1], new float[1], SafetensorsType.I32));
        Assert.Throws<ArgumentException>(() => writer.AddValues<int>("y", SafetensorsType.I64, [1], new int[1]));
    }

    [Theory]
    [InlineData(SafetensorsType.F16)]
    [InlineData(SafetensorsType.BF16)]
    public void ReadAsSingle_EveryCodeOf16BitFloats_EqualsTheDefinition(SafetensorsType type)
    {
        ushort[] codes = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        // Three more than a multiple of the vector length, so that the tail is reached with the same codes.
        Save(w => w.AddValues<ushort>("x", type, [65539], (ushort[])[.. codes, 0x3C01, 0x0001, 0x8001]));
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        float[] actual = Singles(file, "x");
        double[] doubles = new double[actual.Length];
        file.ReadAsDouble(file.Entries["x"], doubles);

        for (int i = 0; i < actual.Length; i++)
        {
            ushort code = i < 65536 ? codes[i] : (ushort)(i == 65536 ? 0x3C01 : i == 65537 ? 0x0001 : 0x8001);
            float expected = type == SafetensorsType.F16
                ? (float)BitConverter.UInt16BitsToHalf(code)
                : BitConverter.UInt32BitsToSingle((uint)code << 16);
            if (float.IsNaN(expected)) Assert.True(float.IsNaN(actual[i]) && double.IsNaN(doubles[i]));
            else
            {
                Assert.Equal(BitConverter.SingleToUInt32Bits(expected), BitConverter.SingleToUInt32Bits(actual[i]));
                Assert.Equal(expected, doubles[i]);
            }
        }
    }

    [Fact]
    public void ReadAsSingle_EightBitFloats_DecodeKnownCodes()
    {
        // OCP 8-bit floating point 1.0, table 1: largest, smallest normal, smallest subnormal, NaN, and E5M2's infinity.
        Save(w =>
        {
            w.AddValues<byte>("e4m3", SafetensorsType.F8E4M3, [7], new byte[] { 0x00, 0x7E, 0x08, 0x01, 0x7F, 0xFE, 0x38 });
            w.AddValues<byte>("e5m2", SafetensorsType.F8E5M2, [6], new byte[] { 0x7B, 0x04, 0x01, 0x7C, 0x7F, 0xBC });
            w.AddValues<byte>("e8m0", SafetensorsType.F8E8M0, [4], new byte[] { 127, 128, 0, 255 });
        });
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        Assert.Equal([0f, 448f, 1f / 64, 1f / 512, float.NaN, -448f, 1f], Singles(file, "e4m3"));
        Assert.Equal([57344f, 1f / 16384, 1f / 65536, float.PositiveInfinity, float.NaN, -1f], Singles(file, "e5m2"));
        Assert.Equal([1f, 2f, MathF.ScaleB(1, -127), float.NaN], Singles(file, "e8m0"));
    }

    [Fact]
    public void AddSingles_BrainFloat_RoundsToNearestEven()
    {
        // 1 + 2^-8 lies half way between 1 and 1 + 2^-7: even is 1. 1 + 3 * 2^-8 lies half way: even is 1 + 2^-6.
        float[] values = [1 + 1f / 256, 1 + 3f / 256, 1 + 1f / 256 + 1f / 65536, float.NaN, float.MaxValue, BitConverter.UInt32BitsToSingle(0x7F800001)];
        Save(w => w.AddSingles("x", [6], values, SafetensorsType.BF16));
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        Assert.Equal([1f, 1 + 1f / 64, 1 + 1f / 128, float.NaN, float.PositiveInfinity, float.NaN], Singles(file, "x"));
    }

    [Fact]
    public void ReadAs_IntegersOfEveryWidth_Widen()
    {
        Save(w =>
        {
            w.AddValues<sbyte>("i8", SafetensorsType.I8, [2], new sbyte[] { -128, 127 });
            w.AddValues<byte>("u8", SafetensorsType.U8, [2], new byte[] { 0, 255 });
            w.AddValues<short>("i16", SafetensorsType.I16, [2], new short[] { -32768, 32767 });
            w.AddValues<ushort>("u16", SafetensorsType.U16, [2], new ushort[] { 0, 65535 });
            w.AddValues<int>("i32", SafetensorsType.I32, [2], new[] { int.MinValue, int.MaxValue });
            w.AddValues<uint>("u32", SafetensorsType.U32, [2], new uint[] { 0, int.MaxValue });
            w.AddValues<long>("i64", SafetensorsType.I64, [2], new long[] { int.MinValue, int.MaxValue });
            w.AddValues<ulong>("u64", SafetensorsType.U64, [2], new ulong[] { 0, int.MaxValue });
        });
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        foreach ((string name, int low, int high) in new[] { ("i8", -128, 127), ("u8", 0, 255), ("i16", -32768, 32767), ("u16", 0, 65535),
            ("i32", int.MinValue, int.MaxValue), ("u32", 0, int.MaxValue), ("i64", int.MinValue, int.MaxValue), ("u64", 0, int.MaxValue) })
        {
            Assert.Equal([low, high], Ints(file, name));
            Assert.Equal([low, (float)high], Singles(file, name));
            double[] doubles = new double[2];
            file.ReadAsDouble(file.Entries[name], doubles);
            Assert.Equal([low, high], doubles);
        }
    }

    [Fact]
    public void ReadAsInt32_ValueThatDoesNotFit_NamesElementAndByte()
    {
        Save(w => w.AddValues<long>("x", SafetensorsType.I64, [3], new long[] { 0, 1, 1L << 31 }));
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        WeftFileException exception = Assert.Throws<WeftFileException>(() => file.ReadAsInt32(file.Entries["x"], new int[3]));
        Assert.Equal(file.Entries["x"].Offset + 16, exception.ByteOffset);
        Assert.Contains("element 2 does not fit", exception.Message);
    }

    [Fact]
    public void Read_WrongDestinationOrEntry_IsTheCallersMistake()
    {
        Save(w => w.AddSingles("x", [4], new float[] { 1, 2, 3, 4 }));
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        SafetensorsEntry x = file.Entries["x"];
        Assert.Throws<ArgumentException>(() => file.ReadAsSingle(x, new float[3]));
        Assert.Throws<ArgumentException>(() => file.ReadAsSingle(x, 2, new float[3]));
        Assert.Throws<ArgumentException>(() => file.Read(x, new byte[15]));
        Assert.Throws<ArgumentException>(() => file.Read(x with { ByteLength = 1 << 20 }, new byte[1 << 20]));
        Assert.Throws<WeftFileException>(() => file.ReadAsInt32(x, new int[4]));

        float[] part = new float[2];
        file.ReadAsSingle(x, 1, part);
        Assert.Equal([2f, 3f], part);
    }

    [Fact]
    public void ReadAsSingle_MoreThanOneChunk_ReadsAllAndFromTheMiddle()
    {
        // 200,000 elements of two bytes are more than the reader's buffer of 256 KiB.
        Half[] values = [.. Enumerable.Range(0, 200_000).Select(i => (Half)(i % 1000))];
        Save(w => w.AddValues<Half>("x", SafetensorsType.F16, [200_000], values));
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        Assert.Equal(values.Select(v => (float)v), Singles(file, "x"));
        float[] tail = new float[150_001];
        file.ReadAsSingle(file.Entries["x"], 49_999, tail);
        Assert.Equal(values.Skip(49_999).Select(v => (float)v), tail);
    }

    [Fact]
    public void Read_FileCutAfterOpening_ThrowsWithTheByte()
    {
        Save(w => w.AddSingles("x", [4], new float[4]));
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        long length = new FileInfo(FilePath).Length;
        using (FileStream stream = new(FilePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) stream.SetLength(length - 3);
        WeftFileException exception = Assert.Throws<WeftFileException>(() => file.ReadAsSingle(file.Entries["x"], new float[4]));
        Assert.Equal(length - 3, exception.ByteOffset);
    }

    // Each header is followed by `data` zero bytes; the rule that must be named is in `expected`.
    [Theory]
    [InlineData("", 0, "too short")]
    [InlineData("[]", 0, "does not start with '{'")]
    [InlineData(" {}", 0, "does not start with '{'")]
    [InlineData("{", 0, "too short")]
    [InlineData("{}x", 0, "not valid JSON")]
    [InlineData("{}{}", 0, "not valid JSON")]
    [InlineData("{\"a\":1}", 0, "not an object")]
    [InlineData("{\"a\":{}}", 0, "dtype is missing")]
    [InlineData("{\"a\":{\"dtype\":\"F32\"}}", 0, "shape is missing")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "data_offsets is missing")]
    [InlineData("{\"a\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "\"F33\" is not supported")]
    [InlineData("{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, "\"F4\" is not supported")]
    [InlineData("{\"a\":{\"dtype\":3,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype is not a string")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype occurs twice")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,4]}}", 4, "shape is not an array")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "a size in shape")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "a size in shape")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "a size in shape")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[3000000000],\"data_offsets\":[0,4]}}", 4, "the size 3000000000 in shape is over")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,4]}}", 4, "does not fit in 64 bits")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "has 8 bytes, but data_offsets span 4")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "end at 0, before they begin at 4")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "not a pair")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "not a pair")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "not a pair")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4e0]}}", 4, "not a pair")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":{}}}", 4, "not a pair")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, "past the end of the file")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[9223372036854775807,9223372036854775807]}}", 4, "past the end of the file")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[18446744073709551615,3]}}", 4, "past the end of the file")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "1 bytes after the last tensor")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "A hole of 4 bytes before a")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6, "overlaps")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlaps")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12, "A hole of 4 bytes before b")]
    [InlineData("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"e\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]}}", 4, "overlaps")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "\"a\" occurs twice")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "\"a\" occurs twice")]
    [InlineData("{\"__metadata__\":[]}", 0, "__metadata__ is not an object")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, "is not a string")]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "occurs twice")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "occurs twice")]
    [InlineData("{\"\\ud800\":1}", 0, "not valid Unicode")]
    public void Open_BrokenHeader_NamesTheRule(string header, int data, string expected)
    {
        WriteRaw(Encoding.UTF8.GetBytes(header), data);
        WeftFileException exception = Assert.Throws<WeftFileException>(() => SafetensorsFile.Open(FilePath));
        Assert.Contains(expected, exception.Message);
        Assert.Equal(FilePath, exception.Path);
        Assert.DoesNotContain('\n', exception.Message);
        Assert.InRange(exception.ByteOffset, 0, new FileInfo(FilePath).Length);
    }

    [Theory]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}      ", 4)]
    [InlineData("{\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4)]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 4)]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[0,2147483647],\"data_offsets\":[0,0]}}", 0)]
    [InlineData("{\"\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"later\":{\"field\":[1]}}}", 4)]
    public void Open_UnusualButLegal_Opens(string header, int data)
    {
        WriteRaw(Encoding.UTF8.GetBytes(header), data);
        using SafetensorsFile file = SafetensorsFile.Open(FilePath);
        Assert.NotEmpty(file.Entries);
    }

    [Fact]
    public void Open_HeaderLengthFarOverTheFile_IsRefusedBeforeMemoryIsTaken()
    {
        foreach (ulong length in new ulong[] { 100, 100_000_001, 1UL << 40, 1UL << 63, ulong.MaxValue })
        {
            byte[] bytes = new byte[16];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
            File.WriteAllBytes(FilePath, bytes);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<WeftFileException>(() => SafetensorsFile.Open(FilePath));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }
    }

    [Fact]
    public void Open_CutAtEveryByte_IsRefused()
    {
        byte[] whole = Small();
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(FilePath, whole[..length]);
            Assert.Throws<WeftFileException>(() => SafetensorsFile.Open(FilePath));
        }
    }

    [Fact]
    public void Open_RandomMutations_OpensOrRefusesAndNothingElse()
    {
        byte[] whole = Small();
        Random random = new(1);
        int opened = 0, refused = 0;
        for (int trial = 0; trial < 3000; trial++)
        {
            byte[] bytes = [.. whole];
            int changes = random.Next(1, 5);
            for (int i = 0; i < changes; i++)
            {
                // Mostly in the header, where the structure is.
                int at = random.Next(random.Next(4) == 0 ? bytes.Length : 200);
                bytes[at] = random.Next(3) switch { 0 => (byte)random.Next(256), 1 => (byte)(bytes[at] ^ (1 << random.Next(8))), _ => (byte)"{}[],:\"0123456789- "[random.Next(19)] };
            }
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            File.WriteAllBytes(FilePath, bytes);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(FilePath);
                foreach (SafetensorsEntry entry in file.Entries.Values) Singles(file, entry.Name);
                opened++;
            }
            catch (WeftFileException) { refused++; }
        }
        // Changes in the values or in a name are legal; most others are not.
        Assert.True(opened > 50 && refused > 500, $"{opened} opened, {refused} refused");
    }

    private byte[] Small()
    {
        Save(w =>
        {
            w.AddSingles("wte.weight", [3, 2], new float[] { 1, 2, 3, 4, 5, 6 });
            w.AddSingles("bias", [2], new float[] { 1, 2 }, SafetensorsType.BF16);
            w.AddValues<byte>("mask", SafetensorsType.U8, [3], new byte[] { 1, 2, 3 });
        });
        return File.ReadAllBytes(FilePath);
    }

    private void Save(Action<SafetensorsWriter> add)
    {
        SafetensorsWriter writer = new();
        add(writer);
        writer.Save(FilePath);
    }

    private void WriteRaw(byte[] header, int dataBytes)
    {
        byte[] bytes = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)header.Length);
        header.CopyTo(bytes, 8);
        File.WriteAllBytes(FilePath, bytes);
    }

    private static float[] Singles(SafetensorsFile file, string name)
    {
        float[] values = new float[file.Entries[name].ElementCount];
        file.ReadAsSingle(file.Entries[name], values);
        return values;
    }

    private static int[] Ints(SafetensorsFile file, string name)
    {
        int[] values = new int[file.Entries[name].ElementCount];
        file.ReadAsInt32(file.Entries[name], values);
        return values;
    }
}
