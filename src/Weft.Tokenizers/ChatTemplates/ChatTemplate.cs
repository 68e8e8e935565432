using System.Text;
using Weft.Tokenizers.ChatTemplates;

namespace Weft.Tokenizers;

/// <summary>A chat template: Jinja, as models bring it along, that turns a conversation into the text of a prompt.</summary>
/// <remarks>
/// Templates come from strangers. They see nothing but what they are given, can change none of it, and are bounded in steps, in
/// depth and in the length of the text. Once parsed, a template may be used by any number of threads.
/// </remarks>
public sealed class ChatTemplate
{
    // Stands inside special tokens that a user typed, so that they are none. A noncharacter: text never holds it.
    private const char Guard = '\uFDD0';

    private const string ContinueTag = "CONTINUE_FINAL_MESSAGE_TAG ";

    private readonly IReadOnlyList<Statement> _statements;

    private ChatTemplate(string source, IReadOnlyList<Statement> statements)
    {
        Source = source;
        _statements = statements;
    }

    /// <summary>The template as it was given.</summary>
    public string Source { get; }

    /// <summary>Parses a template.</summary>
    /// <exception cref="ChatTemplateException">The template is wrong; the message names the line.</exception>
    public static ChatTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(source, TemplateParser.Parse(source));
    }

    /// <summary>The chat template of a model folder, or null where it has none.</summary>
    /// <remarks>
    /// <c>chat_template.jinja</c> wins over <c>chat_template</c> in <c>tokenizer_config.json</c>, which may be a list of named templates.
    /// </remarks>
    /// <param name="folder">The model folder.</param>
    /// <param name="name">Which of several templates, such as <c>tool_use</c>.</param>
    /// <exception cref="ChatTemplateException">The template is wrong.</exception>
    /// <exception cref="TokenizerFormatException">The configuration file is damaged.</exception>
    public static ChatTemplate? FromFolder(string folder, string name = "default") =>
        ChatTemplateFiles.Find(folder, name) is string source ? Parse(source) : null;

    /// <summary>The text of a conversation.</summary>
    /// <exception cref="ChatTemplateException">The template failed on it, or refused it with <c>raise_exception</c>.</exception>
    public string Render(ChatTemplateInput input) => RenderWithSpans(input).Text;

    /// <summary>The text of a conversation and the ranges, in UTF-16 units, that <c>{% generation %}</c> marks as the model's own words.</summary>
    /// <exception cref="ChatTemplateException">The template failed on it, or refused it with <c>raise_exception</c>.</exception>
    public (string Text, IReadOnlyList<(int Start, int End)> AssistantSpans) RenderWithSpans(ChatTemplateInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return Render(input, text => text);
    }

    /// <summary>The token ids of a conversation. Special tokens of the template are tokens; those that a user typed are text.</summary>
    /// <exception cref="ChatTemplateException">The template failed on it, or refused it with <c>raise_exception</c>.</exception>
    public int[] Encode(ChatTemplateInput input, Tokenizer tokenizer) => EncodeWithMask(input, tokenizer).Ids;

    /// <summary>The token ids of a conversation, and which of them hold words of the model, as <c>{% generation %}</c> marks them.</summary>
    /// <remarks>A token that holds both the model's words and others counts as the model's. Without such marks, none does.</remarks>
    /// <exception cref="ChatTemplateException">The template failed on it, or refused it with <c>raise_exception</c>.</exception>
    public (int[] Ids, bool[] IsAssistant) EncodeWithMask(ChatTemplateInput input, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(tokenizer);
        AddedTokenMatcher special = new(tokenizer.AddedTokens.Where(token => token.Special));
        (string text, IReadOnlyList<(int Start, int End)> spans) = Render(input, typed => Disarm(typed, special));

        List<int> ids = [];
        int start = 0;
        while (start < text.Length && special.Find(text, start, out int index) is AddedToken token)
        {
            EncodePlain(text[start..index]);
            ids.Add(token.Id);
            start = index + token.Content.Length;
        }
        EncodePlain(text[start..]);
        return (ids.ToArray(), spans.Count == 0 ? new bool[ids.Count] : Mask(ids, text, spans, tokenizer));

        void EncodePlain(string part)
        {
            if (part.Length > 0) tokenizer.Encode(part.Replace(Guard.ToString(), "", StringComparison.Ordinal), ids);
        }
    }

    // By places in UTF-8: each token takes the bytes that it stands for.
    private static bool[] Mask(List<int> ids, string text, IReadOnlyList<(int Start, int End)> spans, Tokenizer tokenizer)
    {
        int Bytes(int units) => Encoding.UTF8.GetByteCount(text[..units].Replace(Guard.ToString(), "", StringComparison.Ordinal));
        (int Start, int End)[] ranges = [.. spans.Select(span => (Bytes(span.Start), Bytes(span.End)))];
        bool[] mask = new bool[ids.Count];
        int at = 0;
        for (int i = 0; i < mask.Length; i++)
        {
            int end = at + tokenizer.TokenBytes(ids[i]).Length;
            mask[i] = Array.Exists(ranges, range => at < range.End && end > range.Start);
            at = end;
        }
        return mask;
    }

    private (string Text, IReadOnlyList<(int Start, int End)> Spans) Render(ChatTemplateInput input, Func<string, string> typed)
    {
        PythonList messages = ChatMessages.Read(input.Messages, typed);
        if (messages.Items.Count == 0) throw ChatTemplateException.Value("Cannot apply chat template to an empty conversation. Provide at least one message.");
        if (input.ContinueFinalMessage && input.AddGenerationPrompt) throw ChatTemplateException.Value("continue_final_message and add_generation_prompt are not compatible.");
        if (input.ContinueFinalMessage)
        {
            if (!Source.Contains("content", StringComparison.Ordinal)) throw ChatTemplateException.Value("continue_final_message is set, but the template does not use the content of messages.");
            messages = ChatMessages.AppendToLast(messages, ContinueTag);
        }

        Scope scope = new(TemplateGlobals.Create(input.Clock));
        scope.Set("messages", messages);
        scope.Set("tools", input.Tools is { } tools ? ChatMessages.Guarded(PythonJson.Read(tools), typed) : null);
        scope.Set("documents", input.Documents is { } documents ? ChatMessages.Guarded(PythonJson.Read(documents), typed) : null);
        scope.Set("add_generation_prompt", input.AddGenerationPrompt);
        foreach ((string name, System.Text.Json.JsonElement value) in input.Variables) scope.Set(name, PythonJson.Read(value));
        TemplateRenderer renderer = new();
        string text;
        try
        {
            text = renderer.Render(_statements, scope);
        }
        catch (InvalidOperationException problem) when (problem.InnerException is ChatTemplateException inner)
        {
            // LINQ's sorting wraps what a comparison throws.
            throw new ChatTemplateException(inner.Kind, inner.Message);
        }
        return (input.ContinueFinalMessage ? CutAtTag(text) : text, renderer.Generated);
    }

    // The template may have trimmed the space behind the tag; then it would have trimmed the message too.
    private static string CutAtTag(string text)
    {
        int at = text.LastIndexOf(ContinueTag.Trim(), StringComparison.Ordinal);
        if (at < 0) throw ChatTemplateException.Value("continue_final_message is set but the final message does not appear in the chat after applying the chat template.");
        bool kept = string.CompareOrdinal(text, at, ContinueTag, 0, ContinueTag.Length) == 0;
        return kept ? text[..at] : text[..at].TrimEnd();
    }

    // Puts the guard behind the first character of every special token.
    private static string Disarm(string text, AddedTokenMatcher special)
    {
        if (text.Contains(Guard)) text = text.Replace(Guard, '\uFFFD');
        StringBuilder? result = null;
        int start = 0;
        for (int from = 0; from < text.Length && special.Find(text, from, out int index) is not null; from = index + 1)
        {
            result ??= new StringBuilder(text.Length + 8);
            int behind = index + (char.IsHighSurrogate(text[index]) && index + 1 < text.Length ? 2 : 1);
            result.Append(text, start, behind - start).Append(Guard);
            start = behind;
        }
        return result is null ? text : result.Append(text, start, text.Length - start).ToString();
    }
}
