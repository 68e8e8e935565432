using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Weft.Inference.Sampling;
using Weft.Tensors.Files;
using Weft.Tokenizers;

namespace Weft.Inference;

/// <summary>What an answer cost.</summary>
/// <param name="PromptTokens">Tokens of the whole conversation before the answer.</param>
/// <param name="AnswerTokens">Tokens written.</param>
/// <param name="FirstTokenSeconds">From the question to the first token.</param>
/// <param name="Seconds">From the first token to the last.</param>
public readonly record struct ChatAnswerCost(int PromptTokens, int AnswerTokens, double FirstTokenSeconds, double Seconds)
{
    /// <summary>Tokens per second after the first.</summary>
    public double TokensPerSecond => AnswerTokens > 1 && Seconds > 0 ? (AnswerTokens - 1) / Seconds : 0;
}

/// <summary>A conversation with a chat model: keeps the messages, renders them by the model's template, and writes answers.</summary>
/// <remarks>
/// What a user types never becomes a control token: template and user text are tokenized apart. What the model has read stays in its cache,
/// so the next turn reads only what is new. When the context is full, the oldest questions and answers are left out; the system prompt stays.
/// </remarks>
public sealed class ChatSession
{
    private const string System = "system", User = "user", Assistant = "assistant";

    private readonly LanguageModel _language;
    private readonly ChatTemplate _template;
    private readonly Generator _generator;
    private readonly List<(string Role, string Content)> _messages = [];

    /// <summary>Begins a conversation.</summary>
    /// <exception cref="NotSupportedException">The model has no chat template.</exception>
    public ChatSession(LanguageModel language)
    {
        _language = language;
        _template = language.ChatTemplate ?? throw new NotSupportedException("This model has no chat template: it writes on from a text, see weft generate.");
        _generator = new Generator(language);
    }

    /// <summary>How tokens are chosen.</summary>
    public SamplingSettings Sampling { get; set; } = new();

    /// <summary>The most tokens of an answer.</summary>
    public int MaximumTokens { get; set; } = 1024;

    /// <summary>What tells the model how to behave; null leaves it to the template.</summary>
    public string? SystemPrompt { get; set; }

    /// <summary>Questions and answers so far.</summary>
    public IReadOnlyList<(string Role, string Content)> Messages => _messages;

    /// <summary>Tokens in the model's context now.</summary>
    public int ContextTokens => _generator.Ids.Length;

    /// <summary>The most tokens that the context holds.</summary>
    public int ContextLength => _language.Model.Config.ContextLength;

    /// <summary>What the last answer cost.</summary>
    public ChatAnswerCost LastCost { get; private set; }

    /// <summary>Asks a question and streams the answer; both become part of the conversation, an interrupted answer as far as it went.</summary>
    public IEnumerable<string> Ask(string question, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(question);
        _messages.Add((User, question));
        return Answer(cancellation);
    }

    /// <summary>Forgets the last answer and writes another.</summary>
    /// <exception cref="InvalidOperationException">Nothing was asked yet.</exception>
    public IEnumerable<string> AnswerAgain(CancellationToken cancellation = default)
    {
        if (_messages.Count > 0 && _messages[^1].Role == Assistant) _messages.RemoveAt(_messages.Count - 1);
        if (_messages.Count == 0) throw new InvalidOperationException("Nothing was asked yet.");
        return Answer(cancellation);
    }

    /// <summary>Forgets the last question and its answer.</summary>
    public void Undo()
    {
        if (_messages.Count > 0 && _messages[^1].Role == Assistant) _messages.RemoveAt(_messages.Count - 1);
        if (_messages.Count > 0) _messages.RemoveAt(_messages.Count - 1);
    }

    /// <summary>Forgets everything but the system prompt.</summary>
    public void Clear() => _messages.Clear();

    /// <summary>Writes the conversation as a line of chat data: <c>{"messages": [{"role", "content"}, ...]}</c>.</summary>
    public void Save(string path)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Encoder = global::System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("messages");
            foreach ((string role, string content) in WithSystem(0))
            {
                writer.WriteStartObject();
                writer.WriteString("role", role);
                writer.WriteString("content", content);
                writer.WriteEndObject();
            }
            writer.WriteEndArray();
            writer.WriteEndObject();
        }
        AtomicFile.WriteText(path, Encoding.UTF8.GetString(stream.ToArray()) + "\n");
    }

    /// <summary>Goes on with a saved conversation.</summary>
    /// <exception cref="WeftFileException">The file is not a conversation.</exception>
    public void Load(string path)
    {
        List<(string, string)> messages = [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            foreach (JsonElement message in document.RootElement.GetProperty("messages").EnumerateArray()) messages.Add((message.GetProperty("role").GetString()!, message.GetProperty("content").GetString()!));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new WeftFileException(path, 0, "is not a conversation: {\"messages\": [{\"role\": .., \"content\": ..}, ..]}.", exception, FileFault.BadJson);
        }
        _messages.Clear();
        SystemPrompt = null;
        foreach ((string role, string content) in messages)
        {
            if (role == System) SystemPrompt = content;
            else _messages.Add((role, content));
        }
    }

    private IEnumerable<string> Answer(CancellationToken cancellation)
    {
        int[] prompt = Prompt();
        Stopwatch clock = Stopwatch.StartNew();
        IncrementalDecoder decoder = _language.Tokenizer.CreateDecoder(skipSpecial: true);
        StringBuilder answer = new();
        _generator.Start(prompt, Sampling, (uint)_messages.Count, reuse: true);
        int written = 0;
        double first = 0;
        try
        {
            while (written < MaximumTokens && !cancellation.IsCancellationRequested)
            {
                int id = _generator.Next();
                if (written++ == 0) first = clock.Elapsed.TotalSeconds;
                if (_language.StopIds.Contains(id)) break;
                if (decoder.Append(id) is not { Length: > 0 } piece) continue;
                answer.Append(piece);
                yield return piece;
            }
            if (decoder.Flush() is { Length: > 0 } rest)
            {
                answer.Append(rest);
                yield return rest;
            }
        }
        finally
        {
            _messages.Add((Assistant, answer.ToString()));
            LastCost = new ChatAnswerCost(prompt.Length, written, first, clock.Elapsed.TotalSeconds - first);
        }
    }

    // Without the oldest turns if the answer would not fit; a quarter of the context is kept for it at most.
    private int[] Prompt()
    {
        int room = ContextLength - Math.Min(MaximumTokens, ContextLength / 4);
        for (int skip = 0; ; skip += 2)
        {
            ChatTemplateInput input = ChatTemplateInput.From(WithSystem(skip)) with { AddGenerationPrompt = true };
            int[] ids = _template.Encode(input.WithTokensOf(_language.Tokenizer), _language.Tokenizer);
            if (ids.Length <= room || skip + 2 >= _messages.Count) return ids;
        }
    }

    private IEnumerable<(string, string)> WithSystem(int skip) => SystemPrompt is { } system ? _messages.Skip(skip).Prepend((System, system)) : _messages.Skip(skip);
}
