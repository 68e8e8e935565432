using Weft.Tensors.Files;

namespace Weft.Tensors.Tests.Files;

public sealed class SafetensorsSetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-shards-").FullName;

    private string IndexPath => Path.Combine(_folder, "model.safetensors.index.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void SaveSharded_SmallLimit_WritesNumberedFilesThatReadBackAsOne()
    {
        IReadOnlyList<string> names = Writer().SaveSharded(_folder, maximumFileBytes: 20);

        // 16 + 4 bytes fit in 20; 24 bytes alone do not, but get a file of their own; then 4.
        Assert.Equal(["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"], names);
        Assert.Contains("\"total_size\": 48", File.ReadAllText(IndexPath));
        using SafetensorsSet set = SafetensorsSet.Open(_folder);
        Assert.Equal(["a", "b", "c", "d"], set.Entries.Keys);
        Assert.Equal(3, set.Files.Count);
        AssertValues(set);
    }

    [Fact]
    public void SaveSharded_EnoughRoom_WritesOneFileAndRemovesTheIndex()
    {
        Writer().SaveSharded(_folder, maximumFileBytes: 20);
        Assert.Equal(["model.safetensors"], Writer().SaveSharded(_folder));
        Assert.False(File.Exists(IndexPath));
        using SafetensorsSet set = SafetensorsSet.Open(_folder);
        AssertValues(set);
    }

    [Fact]
    public void Open_OtherStemOrNamedFile_Opens()
    {
        Writer().Save(Path.Combine(_folder, "adapter_model.safetensors"));
        using (SafetensorsSet set = SafetensorsSet.Open(_folder, "adapter_model")) AssertValues(set);
        using (SafetensorsSet set = SafetensorsSet.Open(Path.Combine(_folder, "adapter_model.safetensors"))) AssertValues(set);
        FileNotFoundException exception = Assert.Throws<FileNotFoundException>(() => SafetensorsSet.Open(_folder));
        Assert.Contains("neither model.safetensors nor model.safetensors.index.json", exception.Message);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "no object weight_map")]
    [InlineData("{}", "no object weight_map")]
    [InlineData("{\"weight_map\": 1}", "no object weight_map")]
    [InlineData("{\"weight_map\": {\"a\": 1}}", "plain file name")]
    [InlineData("{\"weight_map\": {\"a\": \"\"}}", "plain file name")]
    [InlineData("{\"weight_map\": {\"a\": \"..\"}}", "plain file name")]
    [InlineData("{\"weight_map\": {\"a\": \"../model.safetensors\"}}", "plain file name")]
    [InlineData("{\"weight_map\": {\"a\": \"C:\\\\x\"}}", "plain file name")]
    [InlineData("{\"weight_map\": {\"a\": \"none.safetensors\"}}", "not there")]
    [InlineData("{\"weight_map\": {\"z\": \"one.safetensors\"}}", "holds z, but it does not")]
    [InlineData("{\"weight_map\": {\"a\": \"one.safetensors\", \"a\": \"one.safetensors\"}}", "names a twice")]
    public void Open_BrokenIndex_NamesTheRule(string index, string expected)
    {
        Writer().Save(Path.Combine(_folder, "one.safetensors"));
        File.WriteAllText(IndexPath, index);
        WeftFileException exception = Assert.Throws<WeftFileException>(() => SafetensorsSet.Open(_folder));
        Assert.Contains(expected, exception.Message);
        Assert.Equal(IndexPath, exception.Path);
    }

    [Fact]
    public void Open_IndexThatLeavesATensorOut_LeavesItOut()
    {
        Writer().Save(Path.Combine(_folder, "one.safetensors"));
        File.WriteAllText(IndexPath, "{\"weight_map\": {\"c\": \"one.safetensors\", \"a\": \"one.safetensors\"}}");
        using SafetensorsSet set = SafetensorsSet.Open(_folder);
        Assert.Equal(["a", "c"], set.Entries.Keys);
    }

    private static SafetensorsWriter Writer()
    {
        SafetensorsWriter writer = new();
        writer.AddSingles("a", [4], new float[] { 1, 2, 3, 4 });
        writer.AddSingles("b", [1], new float[] { 5 });
        writer.AddSingles("c", [2, 3], new float[] { 6, 7, 8, 9, 10, 11 });
        writer.AddSingles("d", [], new float[] { 12 });
        return writer;
    }

    private static void AssertValues(SafetensorsSet set)
    {
        int next = 1;
        foreach (SafetensorsEntry entry in set.Entries.Values)
        {
            float[] values = new float[entry.ElementCount];
            set.ReadAsSingle(entry, values);
            foreach (float value in values) Assert.Equal(next++, value);
        }
        Assert.Equal(13, next);
    }
}
