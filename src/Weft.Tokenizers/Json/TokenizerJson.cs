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
        if (BytePairJson.TryLoad(root) is BytePairTokenizer bytePair) return bytePair;
        if (CharacterJson.Describes(root)) return CharacterJson.Load(root);
        return PipelineJson.Load(root);
    }
}
