using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>A pipeline tokenizer as a <c>tokenizer.json</c>.</summary>
internal static class PipelineJson
{
    /// <summary>Reads a whole file.</summary>
    public static PipelineTokenizer Load(string path)
    {
        using JsonDocument document = JsonFile.Read(path);
        return Load(JsonField.Root(path, document));
    }

    /// <summary>Builds the tokenizer that a file describes.</summary>
    /// <exception cref="TokenizerFormatException">The file is damaged, or names a part that is not known here.</exception>
    public static PipelineTokenizer Load(JsonField root)
    {
        string version = root["version"].String("1.0")!;
        if (version != "1.0") throw root["version"].Error($"version '{version}' is not supported");
        PipelineParts parts = new(
            NormalizerJson.Read(root["normalizer"]),
            PreTokenizerJson.Read(root["pre_tokenizer"]),
            ModelJson.Read(root["model"]),
            PostProcessorJson.Read(root["post_processor"]),
            DecoderJson.Read(root["decoder"]),
            TokenizerJsonParts.ReadAddedTokens(root["added_tokens"]),
            ReadTruncation(root["truncation"]),
            ReadPadding(root["padding"]));
        return new PipelineTokenizer(parts, root.Value.Clone());
    }

    /// <summary>Writes the file again, with the truncation and padding that hold now.</summary>
    public static void Write(Utf8JsonWriter writer, JsonElement definition, PipelineParts parts)
    {
        writer.WriteStartObject();
        foreach (JsonProperty property in definition.EnumerateObject())
        {
            if (property.NameEquals("truncation")) WriteTruncation(writer, parts.Truncation);
            else if (property.NameEquals("padding")) WritePadding(writer, parts.Padding);
            else property.WriteTo(writer);
        }
        writer.WriteEndObject();
    }

    /// <summary>Reads <c>truncation</c>.</summary>
    public static TruncationConfig? ReadTruncation(JsonField field) => field.IsNull ? null : new TruncationConfig
    {
        MaximumLength = field["max_length"].Integer(),
        Stride = field["stride"].IsNull ? 0 : field["stride"].Integer(),
        Strategy = field["strategy"].String("LongestFirst") switch
        {
            "LongestFirst" => TruncationStrategy.LongestFirst,
            "OnlyFirst" => TruncationStrategy.OnlyFirst,
            "OnlySecond" => TruncationStrategy.OnlySecond,
            string other => throw field["strategy"].Error($"the strategy '{other}' is not known"),
            null => TruncationStrategy.LongestFirst,
        },
        FromLeft = IsLeft(field["direction"]),
    };

    /// <summary>Reads <c>padding</c>.</summary>
    public static PaddingConfig? ReadPadding(JsonField field)
    {
        if (field.IsNull) return null;
        JsonField strategy = field["strategy"];
        int? length = null;
        if (strategy.Value.ValueKind == JsonValueKind.Object) length = strategy["Fixed"].Integer(10_000_000);
        else if (strategy.String("BatchLongest") != "BatchLongest") throw strategy.Error($"the strategy '{strategy.String()}' is not known");
        return new PaddingConfig
        {
            FixedLength = length,
            MultipleOf = field["pad_to_multiple_of"].IsNull ? null : field["pad_to_multiple_of"].Integer(10_000_000),
            Left = IsLeft(field["direction"]),
            TokenId = field["pad_id"].Integer(),
            TypeId = field["pad_type_id"].Integer(),
            Token = field["pad_token"].String(),
        };
    }

    private static bool IsLeft(JsonField direction) => direction.String("Right") switch
    {
        "Right" or null => false,
        "Left" => true,
        string other => throw direction.Error($"the direction '{other}' is not known"),
    };

    private static void WriteTruncation(Utf8JsonWriter writer, TruncationConfig? truncation)
    {
        if (truncation is null)
        {
            writer.WriteNull("truncation");
            return;
        }
        writer.WriteStartObject("truncation");
        writer.WriteString("direction", truncation.FromLeft ? "Left" : "Right");
        writer.WriteNumber("max_length", truncation.MaximumLength);
        writer.WriteString("strategy", truncation.Strategy.ToString());
        writer.WriteNumber("stride", truncation.Stride);
        writer.WriteEndObject();
    }

    private static void WritePadding(Utf8JsonWriter writer, PaddingConfig? padding)
    {
        if (padding is null)
        {
            writer.WriteNull("padding");
            return;
        }
        writer.WriteStartObject("padding");
        if (padding.FixedLength is int length)
        {
            writer.WriteStartObject("strategy");
            writer.WriteNumber("Fixed", length);
            writer.WriteEndObject();
        }
        else
        {
            writer.WriteString("strategy", "BatchLongest");
        }
        writer.WriteString("direction", padding.Left ? "Left" : "Right");
        if (padding.MultipleOf is int multiple) writer.WriteNumber("pad_to_multiple_of", multiple);
        else writer.WriteNull("pad_to_multiple_of");
        writer.WriteNumber("pad_id", padding.TokenId);
        writer.WriteNumber("pad_type_id", padding.TypeId);
        writer.WriteString("pad_token", padding.Token);
        writer.WriteEndObject();
    }
}
