using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Reads a <c>tokenizer.json</c> and chooses the tokenizer for it.</summary>
internal static class TokenizerJson
{
    /// <summary>Reads the file.</summary>
    /// <exception cref="TokenizerFormatException">The file is damaged, or names a part that is not known here.</exception>
    public static Tokenizer Load(string path)
    {
        using JsonDocument document = JsonFile.Read(path);
        JsonField root = JsonField.Root(path, document);
        if (root["model"].Value.ValueKind != JsonValueKind.Object) throw root["model"].Expected("an object");
        if (BytePairJson.Describes(root)) return BytePairJson.Load(root);
        if (CharacterJson.Describes(root)) return CharacterJson.Load(root);
        throw root.Error("only byte-level BPE and character vocabularies are read");
    }
}
