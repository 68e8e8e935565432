using System.Collections.Concurrent;
using System.IO.Compression;
using System.Text.Json;

namespace Weft.Testing;

/// <summary>A group of reference cases: a <c>*.json</c> file of the golden folder and the tensors beside it.</summary>
/// <remarks>
/// Nothing here uses the library under test (the reader of tensors is <see cref="GoldenTensors"/>), so that a mistake in the
/// library cannot hide itself. Files are read once a process and values decoded on demand.
/// </remarks>
internal sealed class GoldenSet
{
    private static readonly ConcurrentDictionary<string, Lazy<GoldenSet>> Loaded = new(StringComparer.Ordinal);

    private readonly Dictionary<string, GoldenCase> _byName = new(StringComparer.Ordinal);

    private GoldenSet(string path, string set, string group)
    {
        Path = path;
        Set = set;
        Group = group;
        Root = ReadJson(path);
        string? tensors = Root.TryGetProperty("tensors", out JsonElement file) && file.ValueKind == JsonValueKind.String ? file.GetString() : null;
        string beside = tensors is null ? System.IO.Path.ChangeExtension(path, ".safetensors") : System.IO.Path.Combine(Folder, tensors);
        Tensors = File.Exists(beside) ? new GoldenTensors(beside) : null;
        Cases = [.. Root.GetProperty("cases").EnumerateArray().Select(json => new GoldenCase(this, json))];
        foreach (GoldenCase golden in Cases)
            if (!_byName.TryAdd(golden.Name, golden)) throw new InvalidDataException($"{path}: two cases are called {golden.Name}.");
    }

    public string Path { get; }

    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>The golden set, such as <c>ops</c>.</summary>
    public string Set { get; }

    /// <summary>The group in it: the file's name (<c>reduce</c>), or the folder's where the file is a <c>cases.json</c> (<c>gpt2</c>).</summary>
    public string Group { get; }

    /// <summary>The whole file, for what stands beside the cases.</summary>
    public JsonElement Root { get; }

    public IReadOnlyList<GoldenCase> Cases { get; }

    internal GoldenTensors? Tensors { get; }

    public GoldenCase this[string name] =>
        _byName.TryGetValue(name, out GoldenCase? golden) ? golden : throw new KeyNotFoundException($"{Path}: no case is called {name}.");

    /// <summary>All groups of a set, found by looking into its folder; none where the folder is absent.</summary>
    public static IReadOnlyList<GoldenSet> All(string set)
    {
        string root = System.IO.Path.Combine(SharedFolder.GoldenRoot, set);
        if (!Directory.Exists(root)) return [];
        IEnumerable<string> files = Directory.EnumerateFiles(root, "*.json")
            .Concat(Directory.EnumerateDirectories(root).Select(folder => System.IO.Path.Combine(folder, "cases.json")).Where(File.Exists));
        return [.. files.Order(StringComparer.Ordinal).Where(HasCases).Select(path => Load(path, set))];
    }

    /// <summary>One group of a set; skips the running test where the reference data is absent.</summary>
    public static GoldenSet Require(string set, string group)
    {
        string folder = SharedFolder.RequireGolden(set);
        string inFolder = System.IO.Path.Combine(folder, group, "cases.json");
        return Load(File.Exists(inFolder) ? inFolder : SharedFolder.RequireGolden(set, group + ".json"), set);
    }

    /// <summary>Any JSON file of the golden folder, packed with gzip or not.</summary>
    public static JsonElement ReadJson(string path)
    {
        using Stream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        return JsonDocument.Parse(stream).RootElement;
    }

    private static GoldenSet Load(string path, string set)
    {
        string name = System.IO.Path.GetFileNameWithoutExtension(path);
        string group = name == "cases" ? System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(path)!) : name;
        return Loaded.GetOrAdd(path, p => new Lazy<GoldenSet>(() => new GoldenSet(p, set, group))).Value;
    }

    // Some folders hold other JSON beside their groups: an index, a model's configuration.
    private static bool HasCases(string path)
    {
        JsonElement root = ReadJson(path);
        return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("cases", out JsonElement cases) && cases.ValueKind == JsonValueKind.Array;
    }
}

/// <summary>One reference case: what goes in, what must come out, how exactly.</summary>
internal sealed class GoldenCase
{
    private readonly GoldenSet _set;

    internal GoldenCase(GoldenSet set, JsonElement json)
    {
        _set = set;
        Json = json;
        Name = json.GetProperty("name").GetString()!;
        Op = (json.TryGetProperty("op", out JsonElement op) || json.TryGetProperty("kind", out op)) && op.ValueKind == JsonValueKind.String ? op.GetString()! : "";
        Note = json.TryGetProperty("note", out JsonElement note) && note.ValueKind == JsonValueKind.String ? note.GetString()! : "";
        Attrs = new GoldenAttrs(json.TryGetProperty("attrs", out JsonElement attrs) ? attrs : default, ToString());
        Inputs = Values("inputs");
        Outputs = Values("outputs");
        Grads = Values("grads");
        GradOutputs = Values("grad_outputs");
        OutputsF32 = Values("outputs_f32");
    }

    public string Set => _set.Set;

    public string Group => _set.Group;

    public string Name { get; }

    /// <summary>What to compute: the case's <c>op</c>, or its <c>kind</c>.</summary>
    public string Op { get; }

    public string Note { get; }

    /// <summary>The folder that the case's file lies in, for cases that name files beside it.</summary>
    public string Folder => _set.Folder;

    public JsonElement Json { get; }

    /// <summary>The whole file that the case stands in.</summary>
    public JsonElement Root => _set.Root;

    public GoldenAttrs Attrs { get; }

    public IReadOnlyDictionary<string, GoldenValue> Inputs { get; }

    public IReadOnlyDictionary<string, GoldenValue> Outputs { get; }

    /// <summary>By input: the gradient of the sum over outputs of <see cref="GradOutputs"/> times output.</summary>
    public IReadOnlyDictionary<string, GoldenValue> Grads { get; }

    public IReadOnlyDictionary<string, GoldenValue> GradOutputs { get; }

    /// <summary>The same call with every floating input rounded to single precision first.</summary>
    public IReadOnlyDictionary<string, GoldenValue> OutputsF32 { get; }

    public double ToleranceF64 => Tolerance("f64");

    public double ToleranceF32 => Tolerance("f32");

    /// <summary>A number under <c>tolerance</c>.</summary>
    public double Tolerance(string name) =>
        Json.TryGetProperty("tolerance", out JsonElement tolerance) && tolerance.TryGetProperty(name, out JsonElement value)
            ? value.GetDouble()
            : throw new InvalidDataException($"{this}: no tolerance {name}.");

    public override string ToString() => $"{Set}/{Group} {Name}";

    /// <summary>A tensor of the case's file by its key there.</summary>
    public GoldenValue Tensor(string key)
    {
        using JsonDocument json = JsonDocument.Parse($"\"{JsonEncodedText.Encode(key)}\"");
        return new GoldenValue($"{this} {key}", json.RootElement.Clone(), _set.Tensors);
    }

    private OrderedDictionary<string, GoldenValue> Values(string section)
    {
        OrderedDictionary<string, GoldenValue> values = new(StringComparer.Ordinal);
        if (Json.TryGetProperty(section, out JsonElement json) && json.ValueKind == JsonValueKind.Object)
            foreach (JsonProperty property in json.EnumerateObject())
                values.Add(property.Name, new GoldenValue($"{this} {section}.{property.Name}", property.Value, _set.Tensors));
        return values;
    }
}

/// <summary>The settings of a case. An attribute that is absent or null is the reference's None.</summary>
internal sealed class GoldenAttrs(JsonElement json, string owner)
{
    public IEnumerable<string> Names => json.ValueKind == JsonValueKind.Object ? json.EnumerateObject().Select(p => p.Name) : [];

    /// <summary>Whether the attribute is there and not null.</summary>
    public bool Has(string name) => Find(name) is not null;

    public JsonElement Json(string name) => Find(name) ?? throw new KeyNotFoundException($"{owner}: no attribute {name}.");

    public int Int(string name) => Json(name).GetInt32();
    public int? IntOrNull(string name) => Find(name)?.GetInt32();
    public double Double(string name) => GoldenValue.Number(Json(name));
    public double? DoubleOrNull(string name) => Find(name) is JsonElement value ? GoldenValue.Number(value) : null;
    public bool Bool(string name) => Json(name).GetBoolean();
    public bool? BoolOrNull(string name) => Find(name)?.GetBoolean();
    public string String(string name) => Json(name).GetString()!;
    public string? StringOrNull(string name) => Find(name)?.GetString();

    /// <summary>A list of integers; a single one counts as a list of one.</summary>
    public int[] Ints(string name) => List(Json(name), static value => value.GetInt32());
    public int[]? IntsOrNull(string name) => Find(name) is JsonElement value ? List(value, static v => v.GetInt32()) : null;

    /// <summary>A list of numbers; a single one counts as a list of one.</summary>
    public double[] Doubles(string name) => List(Json(name), GoldenValue.Number);
    public double[]? DoublesOrNull(string name) => Find(name) is JsonElement value ? List(value, GoldenValue.Number) : null;

    public string[] Strings(string name) => List(Json(name), static value => value.GetString()!);
    public string[]? StringsOrNull(string name) => Find(name) is JsonElement value ? List(value, static v => v.GetString()!) : null;

    private JsonElement? Find(string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static T[] List<T>(JsonElement value, Func<JsonElement, T> one) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(one)] : [one(value)];
}
