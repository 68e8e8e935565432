using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>The pre-tokenizers of byte-level BPE as they stand in a <c>tokenizer.json</c>.</summary>
internal static class ScannerJson
{
    /// <summary>The scanner that a <c>pre_tokenizer</c> describes, or null where it is another kind of pre-tokenizer.</summary>
    public static PreTokenScanner? Read(JsonField field)
    {
        if (field.IsNull) return null;
        if (IsByteLevel(field, useRegex: true)) return Gpt2Scanner.Instance;
        if (field["type"].String() != "Sequence") return null;
        JsonField[] parts = [.. field["pretokenizers"].Items()];
        if (parts.Length != 2) return null;
        string first = parts[0]["type"].String();
        if (first == "Digits" && parts[0]["individual_digits"].Boolean(false) && IsByteLevel(parts[1], useRegex: true)) return DigitScanner.Instance;
        bool isSplit = first == "Split" && !parts[0]["pattern"]["Regex"].IsNull && parts[0]["behavior"].String(null) == "Isolated" && !parts[0]["invert"].Boolean(false);
        return isSplit && IsByteLevel(parts[1], useRegex: false) ? ReadPattern(parts[0]["pattern"]["Regex"]) : null;
    }

    /// <summary>Writes the <c>pre_tokenizer</c>.</summary>
    public static void Write(Utf8JsonWriter writer, PreTokenScanner scanner)
    {
        if (scanner is Gpt2Scanner)
        {
            writer.WritePropertyName("pre_tokenizer");
            WriteByteLevel(writer, addPrefixSpace: false);
            return;
        }
        writer.WriteStartObject("pre_tokenizer");
        writer.WriteString("type", "Sequence");
        writer.WriteStartArray("pretokenizers");
        writer.WriteStartObject();
        if (scanner is PatternScanner pattern)
        {
            writer.WriteString("type", "Split");
            writer.WriteStartObject("pattern");
            writer.WriteString("Regex", pattern.Source);
            writer.WriteEndObject();
            writer.WriteString("behavior", "Isolated");
            writer.WriteBoolean("invert", false);
        }
        else
        {
            writer.WriteString("type", "Digits");
            writer.WriteBoolean("individual_digits", true);
        }
        writer.WriteEndObject();
        WriteByteLevel(writer, addPrefixSpace: false, useRegex: scanner is DigitScanner);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    /// <summary>Writes a <c>ByteLevel</c> part.</summary>
    public static void WriteByteLevel(Utf8JsonWriter writer, bool addPrefixSpace, bool trimOffsets = true, bool useRegex = true)
    {
        writer.WriteStartObject();
        writer.WriteString("type", "ByteLevel");
        writer.WriteBoolean("add_prefix_space", addPrefixSpace);
        writer.WriteBoolean("trim_offsets", trimOffsets);
        writer.WriteBoolean("use_regex", useRegex);
        writer.WriteEndObject();
    }

    private static bool IsByteLevel(JsonField part, bool useRegex) =>
        part["type"].String() == "ByteLevel" && !part["add_prefix_space"].Boolean(true) && part["use_regex"].Boolean(true) == useRegex;

    private static PatternScanner ReadPattern(JsonField regex)
    {
        try
        {
            return PatternScanner.For(regex.String());
        }
        catch (FormatException problem) when (problem is not TokenizerFormatException)
        {
            throw regex.Error(problem.Message, problem);
        }
    }
}
