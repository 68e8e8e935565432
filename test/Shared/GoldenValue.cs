using System.Text.Json;

namespace Weft.Testing;

/// <summary>An input or output of a reference case: a tensor of the file beside it, or a value written in the case itself.</summary>
/// <remarks>
/// An inline number or a regular nesting of lists of numbers is a tensor too: of integers if no number is written with a point or
/// exponent, of booleans if all are. Anything else (text, an object, a ragged list) is only <see cref="Json"/>.
/// </remarks>
internal sealed class GoldenValue
{
    private readonly JsonElement _json;
    private readonly Lazy<(string Type, int[] Shape, double[] Doubles, long[] Longs)?> _tensor;

    internal GoldenValue(string label, JsonElement json, GoldenTensors? tensors)
    {
        Label = label;
        _json = json;
        _tensor = new(() => json.ValueKind == JsonValueKind.String && tensors is not null && tensors.Contains(json.GetString()!)
            ? tensors.Read(json.GetString()!)
            : Inline(json));
    }

    /// <summary>What a message calls this: set, group, case, section and name.</summary>
    public string Label { get; }

    /// <summary>Whether this is a tensor or a number, as opposed to text or an object.</summary>
    public bool IsTensor => _tensor.Value is not null;

    /// <summary>The element type by its safetensors name; inline values are F64, I64 or BOOL.</summary>
    public string Type => Tensor.Type;

    public bool IsFloating => Type is "F64" or "F32" or "F16" or "BF16";

    public bool IsBoolean => Type == "BOOL";

    public bool IsInteger => !IsFloating && !IsBoolean;

    public int[] Shape => Tensor.Shape;

    public int Count => Tensor.Doubles.Length;

    /// <summary>The elements as doubles, row-major, whatever their type.</summary>
    public double[] Doubles => Tensor.Doubles;

    public float[] Singles => [.. Tensor.Doubles.Select(x => (float)x)];

    /// <summary>The elements of an integer or boolean tensor, exactly.</summary>
    public long[] Longs => IsFloating ? throw Error($"is {Type}, not integers") : Tensor.Longs;

    public int[] Ints => [.. Longs.Select(x => checked((int)x))];

    public bool[] Bools => IsBoolean || Type == "U8" ? [.. Longs.Select(x => x != 0)] : throw Error($"is {Type}, not booleans");

    /// <summary>The only element.</summary>
    public double Scalar => Count == 1 ? Doubles[0] : throw Error($"has {Count} elements, not one");

    /// <summary>The value as the case has it.</summary>
    public JsonElement Json => _json;

    public override string ToString() => IsTensor ? $"{Label} {Type} [{string.Join(", ", Shape)}]" : $"{Label} {_json.GetRawText()}";

    /// <summary>A number, also as one of the strings inf, -inf, nan.</summary>
    internal static double Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble(),
        JsonValueKind.String => value.GetString() switch
        {
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            "nan" => double.NaN,
            string text => throw new InvalidDataException($"\"{text}\" is not a number."),
            null => throw new InvalidDataException("null is not a number."),
        },
        _ => throw new InvalidDataException($"{value.GetRawText()} is not a number."),
    };

    private (string Type, int[] Shape, double[] Doubles, long[] Longs) Tensor =>
        _tensor.Value ?? throw Error("is not a tensor");

    private InvalidDataException Error(string what) => new($"{Label} {what}.");

    private static (string, int[], double[], long[])? Inline(JsonElement json)
    {
        List<int> shape = [];
        for (JsonElement level = json; level.ValueKind == JsonValueKind.Array; level = level[0])
        {
            shape.Add(level.GetArrayLength());
            if (shape[^1] == 0) break;
        }
        List<JsonElement> leaves = [];
        if (!Collect(json, shape, 0, leaves)) return null;

        if (leaves.Count > 0 && leaves.All(x => x.ValueKind is JsonValueKind.True or JsonValueKind.False))
        {
            long[] bits = [.. leaves.Select(x => x.GetBoolean() ? 1L : 0)];
            return ("BOOL", [.. shape], [.. bits.Select(x => (double)x)], bits);
        }
        if (!leaves.All(x => x.ValueKind == JsonValueKind.Number || x.ValueKind == JsonValueKind.String && x.GetString() is "inf" or "-inf" or "nan")) return null;
        double[] doubles = [.. leaves.Select(Number)];
        return leaves.All(x => x.ValueKind == JsonValueKind.Number && x.TryGetInt64(out _) && x.GetRawText().AsSpan().IndexOfAny(".eE") < 0)
            ? ("I64", [.. shape], doubles, [.. leaves.Select(x => x.GetInt64())])
            : ("F64", [.. shape], doubles, []);
    }

    // False where the lists are not as long as the first of their depth says.
    private static bool Collect(JsonElement json, List<int> shape, int depth, List<JsonElement> leaves)
    {
        if (depth == shape.Count)
        {
            leaves.Add(json);
            return json.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object or JsonValueKind.Null or JsonValueKind.Undefined);
        }
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() != shape[depth]) return false;
        foreach (JsonElement item in json.EnumerateArray())
            if (!Collect(item, shape, depth + 1, leaves)) return false;
        return true;
    }
}
