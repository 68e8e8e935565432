using System.Text.Json;
using Weft.Tokenizers.ChatTemplates;

namespace Weft.Tokenizers;

/// <summary>Messages as templates see them, prepared as Hugging Face's library does.</summary>
internal static class ChatMessages
{
    /// <summary>Reads messages: fields without a value are left out, and the thoughts of a model stand under both usual names.</summary>
    /// <param name="messages">A JSON array.</param>
    /// <param name="typed">Applied to every text that somebody typed.</param>
    public static PythonList Read(JsonElement messages, Func<string, string> typed)
    {
        if (messages.ValueKind != JsonValueKind.Array) throw ChatTemplateException.Value("the messages are not a list");
        return new PythonList(messages.EnumerateArray().Select(message => Prepare(Guarded(PythonJson.Read(message), typed))));
    }

    /// <summary>A value with a change made to every text in it.</summary>
    public static object? Guarded(object? value, Func<string, string> typed) => value switch
    {
        string text => typed(text),
        PythonList list => new PythonList(list.Items.Select(item => Guarded(item, typed))),
        PythonDictionary dictionary => Rebuilt(dictionary.Items.Select(item => (item.Key, Guarded(item.Value, typed)))),
        _ => value,
    };

    /// <summary>The messages with a text added to the last one's content, or to the last text in it.</summary>
    public static PythonList AppendToLast(PythonList messages, string tag)
    {
        List<object?> items = [.. messages.Items];
        if (items[^1] is not PythonDictionary last || !last.TryGet("content", out object? content))
            throw new ChatTemplateException("KeyError", "'content'");
        object? changed;
        switch (content)
        {
            case string text:
                changed = text + tag;
                break;
            case PythonList parts:
                List<object?> list = [.. parts.Items];
                int at = list.FindLastIndex(part => part is PythonDictionary dictionary && dictionary.TryGet("text", out object? inner) && inner is string);
                if (at < 0) throw ChatTemplateException.Value("continue_final_message is set but the final message has no text to continue.");
                PythonDictionary found = (PythonDictionary)list[at]!;
                found.TryGet("text", out object? old);
                list[at] = Rebuilt(found.Items.Select(item => item.Key is "text" ? (item.Key, old + tag) : item));
                changed = new PythonList(list);
                break;
            default:
                throw ChatTemplateException.Type("can only continue a final message whose content is text");
        }
        items[^1] = Rebuilt(last.Items.Select(item => item.Key is "content" ? (item.Key, changed) : item));
        return new PythonList(items);
    }

    private static object? Prepare(object? message)
    {
        if (message is not PythonDictionary dictionary) return message;
        List<(object? Key, object? Value)> items = [.. dictionary.Items.Where(item => item.Value is not null)];
        foreach (string name in (string[])["reasoning_content", "thinking", "reasoning"])
        {
            int at = items.FindIndex(item => item.Key is string key && key == name);
            if (at < 0) continue;
            object? thoughts = items[at].Value;
            int own = items.FindIndex(item => item.Key is "reasoning_content");
            if (own >= 0) items[own] = (items[own].Key, thoughts);
            else items.Add(("reasoning_content", thoughts));
            if (!items.Exists(item => item.Key is "thinking")) items.Insert(0, ("thinking", thoughts));
            break;
        }
        return Rebuilt(items);
    }

    private static PythonDictionary Rebuilt(IEnumerable<(object? Key, object? Value)> items)
    {
        PythonDictionary result = new();
        foreach ((object? key, object? value) in items) result.Set(key, value);
        return result;
    }
}
