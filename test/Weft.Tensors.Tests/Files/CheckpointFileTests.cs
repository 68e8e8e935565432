using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using Weft.Tensors.Files;

namespace Weft.Tensors.Tests.Files;

/// <summary>PyTorch and NumPy files: what is read, and how hostile ones are refused. The pickles are written instruction by instruction.</summary>
public sealed class CheckpointFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-checkpoint-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TorchFile_ATransposedView_IsReadInRowMajorOrder()
    {
        // Storage 0..5 as [3, 2] with strides (1, 3): column after column.
        string path = Torch(Tensor("0", 6, 0, [3, 2], [1, 3]), [0, 1, 2, 3, 4, 5]);
        using CheckpointFile file = CheckpointFile.Open(path);
        float[] values = new float[6];
        file.ReadAsSingle(file.Entries["w"], values);
        Assert.Equal([0f, 3, 1, 4, 2, 5], values);
        Assert.Equal([3, 2], file.Entries["w"].Shape);
    }

    [Fact]
    public void TorchFile_ASliceOfALargerStorage_IsReadFromItsFirstElement()
    {
        using CheckpointFile file = CheckpointFile.Open(Torch(Tensor("0", 6, 2, [3], [1]), [0, 1, 2, 3, 4, 5]));
        double[] values = new double[3];
        file.ReadAsDouble(file.Entries["w"], values);
        Assert.Equal([2.0, 3, 4], values);
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("__builtin__", "eval")]
    [InlineData("torch.nn", "Linear")]
    public void TorchFile_ANameOutsideTheList_IsRefusedByThatName(string module, string name)
    {
        byte[] call = [.. Global(module, name), .. "("u8, .. Text("echo"), .. "tR"u8];
        WeftFileException refusal = Assert.Throws<WeftFileException>(() => CheckpointFile.Open(Torch(call, [0])).Dispose());
        Assert.Contains($"{module.Replace("__builtin__", "builtins", StringComparison.Ordinal)}.{name}", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(7, 0, 1)]          // the last element lies beyond the storage
    [InlineData(2, 5, 1)]          // it begins too late
    [InlineData(2, 0, 1 << 30)]    // the stride leaves it
    [InlineData(int.MaxValue, 0, 0)] // far more elements than any array holds
    public void TorchFile_ATensorThatLeavesItsStorage_IsRefusedBeforeMemoryIsTaken(int size, int first, int stride) =>
        Assert.Throws<WeftFileException>(() => CheckpointFile.Open(Torch(Tensor("0", 6, first, [size, size], [stride, stride]), [0, 1, 2, 3, 4, 5])).Dispose());

    [Fact]
    public void TorchFile_AnUnknownInstruction_IsRefusedByItsCode()
    {
        WeftFileException refusal = Assert.Throws<WeftFileException>(() => CheckpointFile.Open(Torch([0x82, 0x01], [0])).Dispose()); // EXT1: a registered class
        Assert.Contains("0x82", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TorchFile_ATextLongerThanTheFile_IsRefused()
    {
        byte[] huge = [(byte)'X', 0xff, 0xff, 0xff, 0x7f];
        Assert.Throws<WeftFileException>(() => CheckpointFile.Open(Torch(huge, [0])).Dispose());
    }

    [Fact]
    public void TorchFile_CutAnywhere_IsRefusedOrReadsNothingWrong()
    {
        byte[] whole = File.ReadAllBytes(Torch(Tensor("0", 6, 0, [6], [1]), [0, 1, 2, 3, 4, 5]));
        for (int length = 0; length < whole.Length; length += 7)
        {
            string path = Path.Combine(_folder, "cut.bin");
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<WeftFileException>(() => CheckpointFile.Open(path).Dispose()); // the zip's directory stands at the end, so every cut loses it
        }
    }

    [Fact]
    public void NpzFile_FortranOrder_IsReadInRowMajorOrder()
    {
        string path = Path.Combine(_folder, "a.npy");
        File.WriteAllBytes(path, Npy("<f4", fortran: true, "(2, 3)", [1, 2, 3, 4, 5, 6]));
        using CheckpointFile file = CheckpointFile.Open(path);
        double[] values = new double[6];
        file.ReadAsDouble(file.Entries["a"], values);
        Assert.Equal([1.0, 3, 5, 2, 4, 6], values); // columns (1, 2), (3, 4), (5, 6)
    }

    [Theory]
    [InlineData("|O", "(2,)")]                 // Python objects would be pickles
    [InlineData(">f4", "(2,)")]                // big-endian
    [InlineData("<f4", "(1000000, 1000000)")]  // more than the file holds
    [InlineData("<f4", "(-1,)")]
    [InlineData("<f4", "2")]
    public void NpzFile_WhatItDoesNotRead_IsRefused(string descr, string shape)
    {
        string path = Path.Combine(_folder, "b.npy");
        File.WriteAllBytes(path, Npy(descr, fortran: false, shape, [1, 2]));
        Assert.Throws<WeftFileException>(() => CheckpointFile.Open(path).Dispose());
    }

    [Fact]
    public void Open_AFolderWithoutWeights_SaysWhatItLooksFor()
    {
        FileNotFoundException missing = Assert.Throws<FileNotFoundException>(() => CheckpointFile.Open(_folder).Dispose());
        Assert.Contains("model.safetensors", missing.Message, StringComparison.Ordinal);
    }

    // {"w": value} with one storage "0" of singles.
    private string Torch(byte[] value, float[] storage)
    {
        string path = Path.Combine(_folder, "model.bin");
        File.Delete(path);
        using ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Create);
        Add(zip, "archive/data.pkl", [0x80, 2, .. "}"u8, .. "("u8, .. Text("w"), .. value, .. "u."u8]);
        byte[] bytes = new byte[4 * storage.Length];
        for (int i = 0; i < storage.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), storage[i]);
        Add(zip, "archive/data/0", bytes);
        return path;
    }

    private static void Add(ZipArchive zip, string name, byte[] bytes)
    {
        using Stream stream = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
        stream.Write(bytes);
    }

    private static byte[] Tensor(string key, int count, int first, int[] sizes, int[] strides) =>
    [
        .. Global("torch._utils", "_rebuild_tensor_v2"), .. "("u8,
        .. "("u8, .. Text("storage"), .. Global("torch", "FloatStorage"), .. Text(key), .. Text("cpu"), .. Integer(count), .. "tQ"u8,
        .. Integer(first), .. Tuple(sizes), .. Tuple(strides), 0x89, .. Global("collections", "OrderedDict"), .. ")R"u8, .. "tR"u8,
    ];

    private static byte[] Tuple(int[] values) => [.. "("u8, .. values.SelectMany(Integer), .. "t"u8];

    private static byte[] Integer(int value)
    {
        byte[] bytes = [(byte)'J', 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(1), value);
        return bytes;
    }

    private static byte[] Text(string text) => [0x8c, (byte)text.Length, .. Encoding.UTF8.GetBytes(text)];

    private static byte[] Global(string module, string name) => [.. Encoding.ASCII.GetBytes($"c{module}\n{name}\n")];

    private static byte[] Npy(string descr, bool fortran, string shape, float[] values)
    {
        string header = $"{{'descr': '{descr}', 'fortran_order': {(fortran ? "True" : "False")}, 'shape': {shape}, }}\n";
        byte[] data = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(4 * i), values[i]);
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. data];
    }
}
