using System.Text;
using Weft.Tensors.Files;

namespace Weft.Tensors.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-atomic-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Write_NewAndExistingFile_HoldsTheNewBytesAndNoTemporaryFileIsLeft()
    {
        string path = Path.Combine(_folder, "a.bin");
        AtomicFile.Write(path, stream => stream.Write([1, 2, 3]));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));

        AtomicFile.Write(path, stream => stream.Write([4]));
        Assert.Equal([4], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Write_WriterThatFailsHalfWay_KeepsTheOldFile()
    {
        string path = Path.Combine(_folder, "a.bin");
        File.WriteAllText(path, "old");

        IOException exception = Assert.Throws<IOException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write(new byte[1 << 20]);
            throw new InvalidOperationException("the weights\nare gone");
        }));

        Assert.Equal($"Could not write {path}: the weights are gone", exception.Message);
        Assert.IsType<InvalidOperationException>(exception.InnerException);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Write_CancelledWriter_ThrowsTheCancellationAndKeepsTheOldFile()
    {
        string path = Path.Combine(_folder, "a.bin");
        File.WriteAllText(path, "old");

        Assert.Throws<OperationCanceledException>(() => AtomicFile.Write(path, _ => throw new OperationCanceledException()));

        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Write_WriterThatClosesTheStream_IsFine()
    {
        string path = Path.Combine(_folder, "a.txt");
        AtomicFile.Write(path, stream =>
        {
            using StreamWriter writer = new(stream);
            writer.Write("text");
        });
        Assert.Equal("text", File.ReadAllText(path));
    }

    [Fact]
    public void Write_FolderThatDoesNotExist_SaysSo()
    {
        string path = Path.Combine(_folder, "none", "a.bin");
        IOException exception = Assert.Throws<IOException>(() => AtomicFile.Write(path, _ => { }));
        Assert.Equal($"Could not write {path}: the folder {Path.GetDirectoryName(path)} does not exist.", exception.Message);
    }

    [Fact]
    public void Write_TargetIsAFolder_SaysSoAndLeavesNothing()
    {
        string path = Path.Combine(_folder, "folder");
        Directory.CreateDirectory(path);
        IOException exception = Assert.Throws<IOException>(() => AtomicFile.Write(path, _ => { }));
        Assert.StartsWith($"Could not write {path}: ", exception.Message);
        Assert.DoesNotContain('\n', exception.Message);
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Write_TargetIsALink_ReplacesTheLinkAndNotWhatItPointsAt()
    {
        string blob = Path.Combine(_folder, "blob"), link = Path.Combine(_folder, "link");
        File.WriteAllText(blob, "blob");
        File.CreateSymbolicLink(link, blob);

        AtomicFile.WriteText(link, "new");

        Assert.Equal("blob", File.ReadAllText(blob));
        Assert.Equal("new", File.ReadAllText(link));
    }

    [Fact]
    public void WriteText_NonAsciiText_IsUtf8WithoutByteOrderMark()
    {
        string path = Path.Combine(_folder, "a.txt");
        AtomicFile.WriteText(path, "Gewürz 🌶\n");
        Assert.Equal(Encoding.UTF8.GetBytes("Gewürz 🌶\n"), File.ReadAllBytes(path));
    }
}
