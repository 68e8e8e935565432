using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Finds the chat templates in a model folder.</summary>
internal static class ChatTemplateFiles
{
    private const long LargestFile = 4L << 20;

    /// <summary>The source of a template, or null.</summary>
    public static string? Find(string folder, string name)
    {
        string own = name == "default" ? Path.Combine(folder, "chat_template.jinja") : Path.Combine(folder, "additional_chat_templates", Path.GetFileName(name) + ".jinja");
        if (File.Exists(own)) return Encoding.UTF8.GetString(PackedFile.ReadAllBytes(own, LargestFile));
        foreach (string file in (string[])["chat_template.json", "tokenizer_config.json"])
        {
            string path = Path.Combine(folder, file);
            if (!File.Exists(path)) continue;
            using JsonDocument document = JsonFile.Read(path);
            if (Read(JsonField.Root(path, document)["chat_template"], name) is string source) return source;
        }
        return null;
    }

    private static string? Read(JsonField field, string name)
    {
        if (field.IsNull) return null;
        if (field.Value.ValueKind == JsonValueKind.String) return name == "default" ? field.String() : null;
        foreach (JsonField item in field.Items())
            if (item["name"].String() == name)
                return item["template"].String();
        return null;
    }
}
