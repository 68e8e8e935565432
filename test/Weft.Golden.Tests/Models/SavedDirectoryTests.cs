using System.Text.Json;
using Weft.Models.Decoder;
using Weft.Models.Encoder;
using Weft.Models.EncoderDecoder;
using Weft.Models.Families;
using Weft.Models.StateSpace;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Golden.Tests.Models;

/// <summary>What Weft writes is what the reference writes: names, shapes and values, and in the GPT-2 layout every key. What it reads back is the same model.</summary>
public sealed class SavedDirectoryTests
{
    public static IEnumerable<TheoryDataRow<string>> Gpt2Folders() => Folders(static d => Path.GetFileName(d).StartsWith("gpt2", StringComparison.Ordinal), "gpt2");

    public static IEnumerable<TheoryDataRow<string>> Decoders() => Folders(IsDecoder, "gpt2");

    public static IEnumerable<TheoryDataRow<string>> Others() => Folders(static d => !IsDecoder(d), "bert_mlm");

    // Where the reference data are absent, one row stands for all: it is skipped with the reason.
    private static IEnumerable<TheoryDataRow<string>> Folders(Func<string, bool> choose, string one)
    {
        string root = Path.Combine(SharedFolder.GoldenRoot, "models");
        string[] folders = Directory.Exists(root)
            ? [.. Directory.EnumerateDirectories(root).Where(d => File.Exists(Path.Combine(d, "config.json")) && choose(d)).Select(static d => Path.GetFileName(d)).Order(StringComparer.Ordinal)] : [];
        return folders.Length > 0 ? folders.Select(static f => new TheoryDataRow<string>(f)) : [new TheoryDataRow<string>(one)];
    }

    [Theory]
    [MemberData(nameof(Gpt2Folders))]
    public void Save_OfALoadedModel_HasTheReferencesNamesShapesAndKeys(string folder)
    {
        string reference = SharedFolder.RequireGolden("models", folder), written = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            bool classifier = Architecture(reference).Contains("SequenceClassification", StringComparison.Ordinal);
            if (classifier) SequenceClassifier.Load(reference).Save(written);
            else ModelDirectory.Save(ModelDirectory.Load(reference), written);

            Assert.Equal(Keys(reference, "config.json"), Keys(written, "config.json"));
            if (File.Exists(Path.Combine(reference, "generation_config.json"))) Assert.Equal(Keys(reference, "generation_config.json"), Keys(written, "generation_config.json"));
            AssertSameTensors(reference, written);

            // Reading it back gives the same logits, bit for bit.
            Tensor ids = Tensor.From([5, 9, 2, 7], [1, 4]);
            float[] first = classifier ? SequenceClassifier.Load(reference).Forward(ids).ToArray<float>() : ModelDirectory.Load(reference).Forward(ids).ToArray<float>();
            float[] again = classifier ? SequenceClassifier.Load(written).Forward(ids).ToArray<float>() : ModelDirectory.Load(written).Forward(ids).ToArray<float>();
            Assert.Equal(first, again);
        }
        finally
        {
            Directory.Delete(written, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Decoders))]
    public void Save_OfALoadedDecoder_IsTheSameFamilyWithTheSameTensors(string folder)
    {
        string reference = SharedFolder.RequireGolden("models", folder), written = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            DecoderModel model = ModelDirectory.Load(reference);
            ModelDirectory.Save(model, written);
            Assert.Equal(ModelType(reference), ModelType(written));
            AssertSameTensors(reference, written);
            Tensor ids = Tensor.From([5, 9, 2, 7, 5, 30, 31, 8, 9], [1, 9]);
            Assert.Equal(model.Forward(ids).ToArray<float>(), ModelDirectory.Load(written).Forward(ids).ToArray<float>());
        }
        finally
        {
            Directory.Delete(written, recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void Save_OfALoadedModelThatIsNoDecoder_IsTheSameFamilyWithTheSameTensors(string folder)
    {
        string reference = SharedFolder.RequireGolden("models", folder), written = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            (object before, float[] expected) = LoadAndRun(reference, written);
            Assert.Equal((ModelType(reference), Architecture(reference)), (ModelType(written), Architecture(written)));
            AssertSameTensors(reference, written);
            (object after, float[] actual) = LoadAndRun(written, saveTo: null);
            Assert.Equivalent(before, after, strict: true);
            Assert.Equal(expected, actual);
        }
        finally
        {
            Directory.Delete(written, recursive: true);
        }
    }

    // Reads a model of whichever kind, writes it if there is a place for it, and gives its configuration and what it computes.
    private static (object Config, float[] Logits) LoadAndRun(string folder, string? saveTo)
    {
        Tensor ids = Tensor.From([5, 9, 2, 7, 5, 30, 31, 8, 9], [1, 9]);
        string type = ModelType(folder);
        if (EncoderDirectory.Families.Any(f => f.ModelType == type))
        {
            EncoderModel model = EncoderDirectory.Load(folder);
            if (saveTo is not null) EncoderDirectory.Save(model, saveTo);
            return (model.Config, model.Forward(ids).Logits.ToArray<float>());
        }
        if (EncoderDecoderDirectory.Families.Any(f => f.ModelType == type))
        {
            EncoderDecoderModel model = EncoderDecoderDirectory.Load(folder);
            if (saveTo is not null) EncoderDecoderDirectory.Save(model, saveTo);
            return (model.Config, model.Forward(ids, Tensor.From([2, 7, 30, 8], [1, 4])).ToArray<float>());
        }
        if (StateSpaceDirectory.Families.Any(f => f.ModelType == type))
        {
            StateSpaceModel model = StateSpaceDirectory.Load(folder);
            if (saveTo is not null) StateSpaceDirectory.Save(model, saveTo);
            return (model.Config, model.Forward(ids).ToArray<float>());
        }
        SequenceClassifier classifier = SequenceClassifier.Load(folder);
        if (saveTo is not null) classifier.Save(saveTo);
        return (classifier.Decoder.Config, classifier.Forward(ids).ToArray<float>());
    }

    private static void AssertSameTensors(string reference, string written)
    {
        using SafetensorsSet theirs = SafetensorsSet.Open(reference), ours = SafetensorsSet.Open(written);
        Assert.Equal(theirs.Entries.Keys.Order(StringComparer.Ordinal), ours.Entries.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, SafetensorsEntry entry) in theirs.Entries)
        {
            Assert.Equal(entry.Shape, ours.Entries[name].Shape);
            float[] before = new float[entry.ElementCount], after = new float[entry.ElementCount];
            theirs.ReadAsSingle(entry, before);
            ours.ReadAsSingle(ours.Entries[name], after);
            Assert.Equal(before, after);
        }
    }

    private static bool IsDecoder(string folder) => FamilyCatalogue.All.Any(f => f.ModelType == ModelType(folder) && f.Architecture == Architecture(folder));

    private static string ModelType(string folder)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        return json.RootElement.GetProperty("model_type").GetString()!;
    }

    private static string[] Keys(string folder, string file)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, file)));
        return [.. json.RootElement.EnumerateObject().Select(static p => p.Name).Order(StringComparer.Ordinal)];
    }

    private static string Architecture(string folder)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        return json.RootElement.GetProperty("architectures")[0].GetString()!;
    }
}
