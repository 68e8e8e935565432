using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;

namespace Weft.Tensors.Tests.Files.Gguf;

/// <summary>GGUF files: what is written is read, whole or split, and wrong parts are refused.</summary>
public sealed class GgufFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Open_OfAWrittenFile_GivesItsValuesBack()
    {
        string path = Path.Combine(_folder, "a.gguf");
        Sample().Save(path);
        using GgufFile file = GgufFile.Open(path);
        Assert.Equal(3, file.Version);
        Assert.Equal("tiny é", file.Metadata["general.name"].AsText());
        Assert.Equal(7, file.Metadata["n"].AsInt32());
        Assert.Equal(0.5, file.Metadata["x"].AsNumber());
        Assert.True(file.Metadata["yes"].AsFlag());
        Assert.Equal(["a", "", "ü"], file.Metadata["texts"].AsTexts());
        Assert.Equal([1, -2, 3], file.Metadata["ints"].AsInt32s());
        Assert.Equal([1.5f, -2f], file.Metadata["floats"].AsSingles());
        Assert.Equal(["first", "second", "third"], file.Entries.Keys);
        float[] values = new float[8];
        file.ReadAsSingle(file.Entries["second"], values);
        Assert.Equal([0f, 1, 2, 3, 4, 5, 6, 7], values);
        Assert.Equal([2, 4], file.Entries["second"].Shape);
    }

    [Fact]
    public void AsText_OfANumber_NamesTheKey()
    {
        string path = Path.Combine(_folder, "a.gguf");
        Sample().Save(path);
        using GgufFile file = GgufFile.Open(path);
        WeftFileException error = Assert.Throws<WeftFileException>(() => file.Metadata["n"].AsText());
        Assert.Contains("'n' is U32", error.Message, StringComparison.Ordinal);
        Assert.Equal(FileFault.BadValueType, error.Fault);
    }

    [Fact]
    public void Open_OfASplitFile_JoinsItsParts()
    {
        IReadOnlyList<string> parts = Sample().SaveSplit(Path.Combine(_folder, "b.gguf"), maximumFileBytes: 35);
        Assert.Equal(3, parts.Count);
        Assert.EndsWith("b-00001-of-00003.gguf", parts[0], StringComparison.Ordinal);
        using (GgufFile file = GgufFile.Open(parts[0]))
        {
            Assert.Equal(parts, file.Paths);
            Assert.Equal(["first", "second", "third"], file.Entries.Keys);
            float[] values = new float[1];
            file.ReadAsSingle(file.Entries["third"], values);
            Assert.Equal(9, values[0]);
        }
        Assert.Contains("part 2", Assert.Throws<WeftFileException>(() => GgufFile.Open(parts[1])).Message, StringComparison.Ordinal);
        File.Copy(parts[1], parts[2], overwrite: true);
        Assert.ThrowsAny<WeftFileException>(() => GgufFile.Open(parts[0]));
        File.Delete(parts[2]);
        Assert.Throws<FileNotFoundException>(() => GgufFile.Open(parts[0]));
    }

    [Fact]
    public void Start_OfAClosedFile_Throws()
    {
        string path = Path.Combine(_folder, "c.gguf");
        Sample().Save(path);
        GgufFile file = GgufFile.Open(path);
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Bytes(file.Entries["first"]).ToArray());
    }

    [Fact]
    public void Open_OfAnEmptyFile_SaysWhatIsMissing()
    {
        string path = Path.Combine(_folder, "d.gguf");
        File.WriteAllBytes(path, []);
        Assert.Equal(FileFault.Truncated, Assert.Throws<WeftFileException>(() => GgufFile.Open(path)).Fault);
    }

    private static GgufWriter Sample()
    {
        GgufWriter writer = new();
        writer.Set("general.name", "tiny é");
        writer.Set("n", 7u);
        writer.Set("x", 0.5f);
        writer.Set("yes", true);
        writer.Set("texts", ["a", "", "ü"]);
        writer.Set("ints", [1, -2, 3]);
        writer.Set("floats", [1.5f, -2f]);
        writer.Add("first", GgufType.Q8_0, [32], static stream => stream.Write(new byte[34]));
        writer.Add("second", GgufType.F32, [2, 4], static stream => Write(stream, [0, 1, 2, 3, 4, 5, 6, 7]));
        writer.Add("third", GgufType.F32, [1], static stream => Write(stream, [9]));
        return writer;
    }

    private static void Write(Stream stream, float[] values) => stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values));

    [Fact]
    public void File_ThatNobodyDisposes_IsUnmappedByTheCollector()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "asks /proc what is mapped");
        string path = Path.Combine(_folder, "dropped.gguf");
        GgufWriter writer = new();
        writer.Add("w", GgufType.F32, [1, 32], static stream => stream.Write(new byte[128]));
        writer.Save(path);
        OpenAndForget(path);
        for (int i = 0; i < 20 && IsMapped(); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.False(IsMapped());

        bool IsMapped() => File.ReadAllText("/proc/self/maps").Contains(path, StringComparison.Ordinal);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void OpenAndForget(string path) => Assert.Equal(128, GgufFile.Open(path).Entries["w"].ByteLength);
    }
}
