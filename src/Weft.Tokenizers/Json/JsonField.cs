using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>One value of a JSON file that knows where it stands, so that every complaint names the file and the place.</summary>
internal readonly struct JsonField
{
    private readonly string _path;
    private readonly string _place;

    private JsonField(string path, string place, JsonElement value)
    {
        _path = path;
        _place = place;
        Value = value;
    }

    /// <summary>The value itself.</summary>
    public JsonElement Value { get; }

    /// <summary>The root of a document.</summary>
    public static JsonField Root(string path, JsonDocument document) => new(path, "", document.RootElement);

    /// <summary>Whether the value is absent or null.</summary>
    public bool IsNull => Value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    /// <summary>Where the value stands, for example <c>model.vocab</c>.</summary>
    public string Place => _place.Length == 0 ? "the file" : _place;

    /// <summary>A field of this object; absent fields are null fields.</summary>
    public JsonField this[string name]
    {
        get
        {
            Expect(JsonValueKind.Object, "an object");
            string place = _place.Length == 0 ? name : $"{_place}.{name}";
            return new JsonField(_path, place, Value.TryGetProperty(name, out JsonElement value) ? value : default);
        }
    }

    /// <summary>The elements of this array.</summary>
    public IEnumerable<JsonField> Items()
    {
        Expect(JsonValueKind.Array, "an array");
        int index = 0;
        foreach (JsonElement item in Value.EnumerateArray()) yield return new JsonField(_path, $"{_place}[{index++}]", item);
    }

    /// <summary>The fields of this object in the order of the file.</summary>
    public IEnumerable<(string Name, JsonField Field)> Fields()
    {
        Expect(JsonValueKind.Object, "an object");
        foreach (JsonProperty property in Value.EnumerateObject())
        {
            string name = ReadName(property);
            yield return (name, new JsonField(_path, $"{_place}['{name}']", property.Value));
        }
    }

    /// <summary>The string.</summary>
    public string String()
    {
        Expect(JsonValueKind.String, "a string");
        try
        {
            return Value.GetString()!;
        }
        catch (InvalidOperationException problem)
        {
            throw Error("the string is not valid Unicode", problem);
        }
    }

    /// <summary>The string, or <paramref name="absent"/> where there is none.</summary>
    public string? String(string? absent) => IsNull ? absent : String();

    /// <summary>The truth value, or <paramref name="absent"/> where there is none.</summary>
    public bool Boolean(bool absent) => Value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Undefined or JsonValueKind.Null => absent,
        _ => throw Expected("true or false"),
    };

    /// <summary>A whole number from 0 up to <paramref name="maximum"/>.</summary>
    public int Integer(int maximum = int.MaxValue)
    {
        Expect(JsonValueKind.Number, "a number");
        return Value.TryGetInt32(out int number) && number >= 0 && number <= maximum
            ? number
            : throw Error($"{Value.GetRawText()} is not a whole number from 0 to {maximum}");
    }

    /// <summary>The number.</summary>
    public double Number()
    {
        Expect(JsonValueKind.Number, "a number");
        return Value.GetDouble();
    }

    /// <summary>The error that this value is not <paramref name="what"/>.</summary>
    public TokenizerFormatException Expected(string what) => Error($"expected {what}, found {Describe(Value.ValueKind)}");

    /// <summary>An error at this place.</summary>
    public TokenizerFormatException Error(string problem, Exception? cause = null) => new(_path, $"{Place}: {problem}.", cause);

    private void Expect(JsonValueKind kind, string what)
    {
        if (Value.ValueKind != kind) throw Expected(what);
    }

    private string ReadName(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException problem)
        {
            throw Error("a field name is not valid Unicode", problem);
        }
    }

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Undefined => "nothing",
        JsonValueKind.Null => "null",
        JsonValueKind.True or JsonValueKind.False => "a truth value",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        JsonValueKind.Array => "an array",
        _ => "an object",
    };
}
