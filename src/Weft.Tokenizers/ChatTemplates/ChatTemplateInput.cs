using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>What a chat template is filled with.</summary>
public sealed record ChatTemplateInput
{
    /// <summary>The conversation: an array of objects with <c>role</c>, <c>content</c> and whatever else the template knows.</summary>
    public required JsonElement Messages { get; init; }

    /// <summary>The tools that the model may call, or nothing.</summary>
    public JsonElement? Tools { get; init; }

    /// <summary>The documents that the model may quote, or nothing.</summary>
    public JsonElement? Documents { get; init; }

    /// <summary>Whether the text ends where the model's answer begins. Default: no.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>Whether the text ends inside the last message, so that the model goes on with it. Default: no.</summary>
    public bool ContinueFinalMessage { get; init; }

    /// <summary>Other variables by name, such as <c>bos_token</c>, <c>eos_token</c> or <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement> Variables { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>The clock behind <c>strftime_now</c>. Default: the system's.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>A conversation of plain texts.</summary>
    public static ChatTemplateInput From(params IEnumerable<(string Role, string Content)> messages)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartArray();
            foreach ((string role, string content) in messages)
            {
                writer.WriteStartObject();
                writer.WriteString("role", role);
                writer.WriteString("content", content);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
        }
        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        return new ChatTemplateInput { Messages = document.RootElement.Clone() };
    }

    /// <summary>The same with the variables <c>bos_token</c> and <c>eos_token</c> of a tokenizer.</summary>
    public ChatTemplateInput WithTokensOf(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ChatTemplateInput input = this;
        if (tokenizer.BeginOfTextId is int begin) input = input.WithVariable("bos_token", tokenizer.Token(begin));
        if (tokenizer.EndOfTextId is int end) input = input.WithVariable("eos_token", tokenizer.Token(end));
        return input;
    }

    /// <summary>The same with one more text variable.</summary>
    public ChatTemplateInput WithVariable(string name, string value)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream)) writer.WriteStringValue(value);
        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        return this with { Variables = new Dictionary<string, JsonElement>(Variables) { [name] = document.RootElement.Clone() } };
    }
}
