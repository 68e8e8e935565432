using System.Buffers.Binary;
using System.IO.Compression;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Training.Data;

namespace Weft.Training.Tests.Data;

public sealed class TablesAndImagesTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    // ---- IDX ------------------------------------------------------------------------------------------------------------

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IdxRead_EveryType_GivesItsNumbers(bool packed)
    {
        // Two rows of two numbers in big-endian order.
        Write([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 254, 255], packed);
        Assert.Equal([0, 1, 254, 255], IdxFile.Read(_path).ToArray<int>());
        Assert.Equal(new Shape(2, 2), IdxFile.Read(_path).Shape);
        Write([0, 0, 9, 1, 0, 0, 0, 2, 127, 255], packed);
        Assert.Equal([127, -1], IdxFile.Read(_path).ToArray<int>());
        Write([0, 0, 11, 1, 0, 0, 0, 2, 1, 0, 255, 255], packed);
        Assert.Equal([256, -1], IdxFile.Read(_path).ToArray<int>());
        Write([0, 0, 12, 1, 0, 0, 0, 1, 0, 1, 0, 0], packed);
        Assert.Equal([65536], IdxFile.Read(_path).ToArray<int>());
        Write([0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0], packed);
        Assert.Equal([1.5f], IdxFile.Read(_path).ToArray<float>());
        Write([0, 0, 14, 1, 0, 0, 0, 1, 0xbf, 0xf8, 0, 0, 0, 0, 0, 0], packed);
        Assert.Equal([-1.5], IdxFile.Read(_path).ToArray<double>());
    }

    public static TheoryData<byte[], long, string> DamagedIdx => new()
    {
        { [], 0, "two zero bytes" },
        { [1, 0, 8, 1, 0, 0, 0, 0], 0, "two zero bytes" },
        { [0, 0, 7, 1, 0, 0, 0, 0], 2, "type 7" },
        { [0, 0, 8, 200], 3, "200 dimensions" },
        { [0, 0, 8, 2, 0, 0, 0, 2], 4, "ends within its sizes" },
        { [0, 0, 8, 1, 255, 255, 255, 255], 4, "more than" },
        { [0, 0, 14, 2, 0, 1, 0, 0, 0, 1, 0, 0], 8, "more than" },
        { [0, 0, 8, 1, 0x7f, 255, 255, 255, 1], 8, "need 2147483647" },
        { [0, 0, 8, 1, 0, 0, 0, 1, 1, 2], 8, "" },
    };

    [Theory]
    [MemberData(nameof(DamagedIdx))]
    public void IdxRead_DamagedFile_SaysWhereWithoutAllocating(byte[] bytes, long offset, string says)
    {
        foreach (bool packed in (bool[])[false, true])
        {
            if (packed && bytes.Length == 0) continue; // an empty gzip stream is an empty file
            Write(bytes, packed);
            long before = GC.GetAllocatedBytesForCurrentThread();
            WeftFileException exception = Assert.Throws<WeftFileException>(() => IdxFile.Read(_path));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
            Assert.Equal(offset, exception.ByteOffset);
            Assert.Contains(says, exception.Message, StringComparison.Ordinal);
        }
    }

    // ---- PNG ------------------------------------------------------------------------------------------------------------

    [Fact]
    public void PngRead_Colours_GivesChannels()
    {
        // Two pixels: red, and white half transparent; filter 0.
        File.WriteAllBytes(_path, Png(2, 1, colourType: 6, [0, 255, 0, 0, 255, 255, 255, 255, 128]));
        Tensor colours = PngFile.Read(_path, 4);
        Assert.Equal(new Shape(4, 1, 2), colours.Shape);
        Assert.Equal([1f, 1f, 0f, 1f, 0f, 1f, 1f, 128 / 255f], colours.ToArray<float>());
        Assert.Equal([0.299f, 1f], PngFile.Read(_path, 1).ToArray<float>().Select(static v => MathF.Round(v, 6)));
        Assert.Equal(new Shape(3, 1, 2), PngFile.Read(_path).Shape);

        File.WriteAllBytes(_path, Png(3, 1, colourType: 0, [0, 0, 51, 255]));
        Assert.Equal([0f, 0.2f, 1f], PngFile.Read(_path, 1).ToArray<float>().Select(static v => MathF.Round(v, 6)));
    }

    [Fact]
    public void PngRead_DamagedOrHostileFile_IsRefusedByName()
    {
        byte[] whole = Png(8, 8, colourType: 0, new byte[8 * 9]);
        for (int length = 0; length < whole.Length - 12; length++) // the last part, an empty one, may be missing
        {
            File.WriteAllBytes(_path, whole[..length]);
            Assert.Throws<WeftFileException>(() => PngFile.Read(_path));
        }
        File.WriteAllBytes(_path, Png(8, 8, colourType: 0, new byte[50 << 20])); // a bomb: 50 MiB of zeros in 50 KiB
        Assert.Contains("more than the 8 x 8 pixels", Assert.Throws<WeftFileException>(() => PngFile.Read(_path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(_path, Png(1 << 30, 1 << 30, colourType: 2, [0]));
        Assert.Contains("each side must be", Assert.Throws<WeftFileException>(() => PngFile.Read(_path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(_path, Png(8, 8, colourType: 2, [0, 1, 2])); // far too few pixels
        Assert.Throws<WeftFileException>(() => PngFile.Read(_path));
    }

    // ---- CSV ------------------------------------------------------------------------------------------------------------

    [Fact]
    public void CsvParse_QuotedCells_AreUnquoted()
    {
        CsvTable table = CsvTable.Parse("name,\"size, cm\",kind\r\n\"a \"\"b\"\"\",1.5,x\n\"two\nlines\",-2e1,y\nc,3,x\n");
        Assert.Equal(["name", "size, cm", "kind"], table.Columns);
        Assert.Equal(["a \"b\"", "two\nlines", "c"], table.Texts("name"));
        Assert.Equal([1.5f, -20f, 3f], table.Numbers("size, cm").ToArray<float>());
        (Tensor classes, IReadOnlyList<string> names) = table.Classes("kind");
        Assert.Equal([0, 1, 0], classes.ToArray<int>());
        Assert.Equal(["x", "y"], names);
        File.WriteAllText(_path, "a;b\n1;2\n");
        Assert.Equal([2f, 1f], CsvTable.Read(_path, ';').Numbers("b", "a").ToArray<float>());
    }

    [Fact]
    public void CsvParse_DamagedTable_SaysWhat()
    {
        Assert.Throws<WeftFileException>(() => CsvTable.Parse("a,b\n1,2\n3\n"));
        Assert.Throws<WeftFileException>(() => CsvTable.Parse("a,a\n1,2\n"));
        Assert.Contains("row 3, column 'b': 'x' is not a number", Assert.Throws<WeftFileException>(() => CsvTable.Parse("a,b\n1,2\n3,x\n").Numbers("a", "b")).Message, StringComparison.Ordinal);
        Assert.Contains("did you mean 'length'", Assert.Throws<ArgumentException>(() => CsvTable.Parse("length,b\n").Texts("lenght")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Standardize_ByOtherRows_UsesTheirMeanAndDeviation()
    {
        // Columns 1, 3 (mean 2, deviation 1) and 5, 5 (constant).
        Tensor by = Tensor.From([1f, 5, 3, 5], [2, 2]), other = Tensor.From([4f, 7], [1, 2]);
        Assert.Equal([2f, 2f], CsvTable.Standardize(other, by).ToArray<float>());
    }

    private void Write(byte[] bytes, bool packed)
    {
        using Stream file = File.Create(_path), stream = packed ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write(bytes);
    }

    // A PNG of 8 bits a sample, its rows (each after its filter's byte) packed as given.
    private static byte[] Png(uint width, uint height, byte colourType, byte[] rows)
    {
        using MemoryStream stream = new(), packed = new();
        using (ZLibStream pack = new(packed, CompressionLevel.SmallestSize, leaveOpen: true)) pack.Write(rows);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteUInt32BigEndian(header, width);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, colourType);
        stream.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Part("IHDR"u8.ToArray(), header);
        Part("IDAT"u8.ToArray(), packed.ToArray());
        Part("IEND"u8.ToArray(), []);
        return stream.ToArray();

        void Part(byte[] name, byte[] data)
        {
            Span<byte> number = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
            stream.Write(number);
            stream.Write(name);
            stream.Write(data);
            BinaryPrimitives.WriteUInt32BigEndian(number, Crc([.. name, .. data]));
            stream.Write(number);
        }
    }

    // The check sum of PNG (ISO 3309), bit by bit.
    private static uint Crc(byte[] bytes)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int i = 0; i < 8; i++) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
