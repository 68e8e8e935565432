using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Finds the tokens that begin and end a document.</summary>
internal static class DocumentTokens
{
    // The names that GPT-2, Llama 3, Llama 2 and T5, Gemma, and chat models give them.
    private static readonly string[] Ends = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<|im_end|>"];
    private static readonly string[] Begins = ["<|begin_of_text|>", "<s>", "<bos>", "<|bos|>"];

    public static int? FindEnd(Tokenizer tokenizer) => Find(tokenizer, Ends);

    public static int? FindBegin(Tokenizer tokenizer) => Find(tokenizer, Begins);

    /// <summary>Takes over what <c>tokenizer_config.json</c> in a model folder says.</summary>
    public static void Declare(Tokenizer tokenizer, string folder)
    {
        string path = Path.Combine(folder, "tokenizer_config.json");
        if (!File.Exists(path)) return;
        using JsonDocument document = JsonFile.Read(path);
        JsonField root = JsonField.Root(path, document);
        tokenizer.DeclaredBeginOfTextId = Read(root["bos_token"], tokenizer) ?? tokenizer.DeclaredBeginOfTextId;
        tokenizer.DeclaredEndOfTextId = Read(root["eos_token"], tokenizer) ?? tokenizer.DeclaredEndOfTextId;
    }

    // A token is written as a string, or as an object with its content and flags.
    private static int? Read(JsonField field, Tokenizer tokenizer)
    {
        if (field.IsNull) return null;
        string content = field.Value.ValueKind == JsonValueKind.Object ? field["content"].String() : field.String();
        return tokenizer.TokenId(content);
    }

    private static int? Find(Tokenizer tokenizer, string[] names)
    {
        foreach (string name in names)
            if (tokenizer.TokenId(name) is int id)
                return id;
        return null;
    }
}
