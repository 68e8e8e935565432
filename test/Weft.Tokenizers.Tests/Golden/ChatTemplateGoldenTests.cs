using System.Text;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

/// <summary>Every rendering, every expression and every error of the golden set.</summary>
public class ChatTemplateGoldenTests
{
    [Theory]
    [InlineData("render_own.json")]
    [InlineData("render_data.json")]
    [InlineData("smollm2.json")]
    public void Render_GoldenConversations_GiveTheGoldenTexts(string file)
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("templates", file));
        JsonElement data = GoldenFiles.ReadJson(SharedFolder.RequireGolden("templates", "conversations.json"));
        Dictionary<string, JsonElement> conversations = data.GetProperty("conversations").EnumerateArray().ToDictionary(item => item.GetProperty("name").GetString()!, item => item.GetProperty("messages"));
        Lazy<Tokenizer> tokenizer = new(() => GgufFile.Load(SharedFolder.Require("models", "smollm2-135m-instruct"))!.CreateTokenizer());
        Dictionary<string, JsonElement> outputs = [];
        Dictionary<string, ChatTemplate> parsed = [];
        Mismatches mismatches = new();
        foreach (JsonElement row in golden.GetProperty("cases").EnumerateArray())
        {
            string name = row.GetProperty("name").GetString()!;
            JsonElement expected = row.GetProperty("outputs");
            if (expected.TryGetProperty("same_as", out JsonElement same)) expected = outputs[same.GetString()!];
            outputs[name] = expected;
            JsonElement attrs = row.TryGetProperty("attrs", out JsonElement given) ? given : default;
            ChatTemplateInput input = Input(golden, data, conversations[row.GetProperty("conversation").GetString()!], attrs);
            string template = row.TryGetProperty("template", out JsonElement id) ? id.GetString()! : "";
            try
            {
                if (!parsed.TryGetValue(template, out ChatTemplate? chat)) parsed[template] = chat = ChatTemplate.Parse(Source(golden, template));
                string text = chat.Render(input);
                if (expected.TryGetProperty("error", out JsonElement error)) mismatches.Add($"{name}: expected {error}, got {Show(text)}");
                else if (expected.TryGetProperty("text", out JsonElement golds)) mismatches.Compare(name, Show(golds.GetString()!), Show(text));
                if (expected.TryGetProperty("ids", out JsonElement ids)) mismatches.Compare(name + " ids", GoldenFiles.Ints(ids), tokenizer.Value.Encode(text, EncodeOptions.Special));
                // A special token that a user typed is text here and a token there, so that the masks have other lengths.
                if (expected.TryGetProperty("assistant_masks", out JsonElement masks) && chat.Encode(input, tokenizer.Value).SequenceEqual(tokenizer.Value.Encode(text, EncodeOptions.Special))) mismatches.Compare(name + " mask", GoldenFiles.Ints(masks), chat.EncodeWithMask(input, tokenizer.Value).IsAssistant.Select(own => own ? 1 : 0));
            }
            catch (ChatTemplateException problem)
            {
                // The reference refuses an empty conversation before it looks at the template.
                if (input.Messages.GetArrayLength() == 0 && problem.Kind != "ValueError") continue;
                CompareError(mismatches, name, expected, problem);
            }
        }
        mismatches.AssertNone();
    }

    [Fact]
    public void Render_GoldenExpressions_GiveTheGoldenTexts()
    {
        JsonElement golden = GoldenFiles.ReadJson(SharedFolder.RequireGolden("templates", "expressions.json"));
        Mismatches mismatches = new();
        Dictionary<string, JsonElement> context = golden.GetProperty("context").EnumerateObject().ToDictionary(item => item.Name, item => item.Value);
        foreach (JsonElement row in golden.GetProperty("cases").EnumerateArray())
        {
            string source = row.GetProperty("source").GetString()!;
            if (source.Contains("\\N{", StringComparison.Ordinal)) continue; // names of characters are not supported, and refused
            JsonElement expected = row.GetProperty("outputs");
            string what = $"{row.GetProperty("name")} {source}";
            try
            {
                ChatTemplates.Scope scope = new(ChatTemplates.TemplateGlobals.Create(new FixedClock()));
                foreach ((string name, JsonElement value) in context) scope.Set(name, ChatTemplates.PythonJson.Read(value));
                string text = new ChatTemplates.TemplateRenderer().Render(ChatTemplates.TemplateParser.Parse(source), scope);
                if (expected.TryGetProperty("error", out JsonElement error)) mismatches.Add($"{what}: expected {error}, got {Show(text)}");
                else mismatches.Compare(what, Show(expected.GetProperty("text").GetString()!), Show(text));
            }
            catch (ChatTemplateException problem)
            {
                CompareError(mismatches, what, expected, problem);
            }
        }
        mismatches.AssertNone();
    }

    // The kind has to be right; Python's wording need not, except for what a template itself says.
    private static void CompareError(Mismatches mismatches, string what, JsonElement expected, ChatTemplateException problem)
    {
        if (!expected.TryGetProperty("error", out JsonElement error))
        {
            mismatches.Add($"{what}: expected {Show(expected.TryGetProperty("text", out JsonElement text) ? text.GetString()! : "")}, got {problem.Kind} {problem.Message}");
            return;
        }
        mismatches.Compare($"{what} ({problem.Message})", error.GetString(), problem.Kind);
        if (error.GetString() == "TemplateError") mismatches.Compare(what, expected.GetProperty("message").GetString(), problem.Message);
    }

    private static string Source(JsonElement golden, string template)
    {
        if (template.Length == 0) return golden.GetProperty("template").GetString()!;
        if (template.StartsWith("llamacpp:", StringComparison.Ordinal))
        {
            JsonElement cases = GoldenFiles.ReadJson(SharedFolder.Require("data", "chat-templates", "llama.cpp-chat-template-cases-a.json")).GetProperty("cases");
            return cases.EnumerateArray().First(item => item.GetProperty("name").GetString() == template["llamacpp:".Length..]).GetProperty("template_str").GetString()!;
        }
        string own = Path.Combine(SharedFolder.GoldenRoot, "templates", "templates", template + ".jinja");
        return File.ReadAllText(File.Exists(own) ? own : SharedFolder.Require("data", "chat-templates", "jinja", template + ".jinja"), new UTF8Encoding(false));
    }

    private static ChatTemplateInput Input(JsonElement golden, JsonElement data, JsonElement messages, JsonElement attrs)
    {
        Dictionary<string, JsonElement> variables = [];
        foreach (JsonProperty token in golden.GetProperty("special_tokens").EnumerateObject()) variables[token.Name] = token.Value;
        bool Flag(string name) => attrs.ValueKind == JsonValueKind.Object && attrs.TryGetProperty(name, out JsonElement value) && value.GetBoolean();
        if (attrs.ValueKind == JsonValueKind.Object && attrs.TryGetProperty("enable_thinking", out JsonElement thinking)) variables["enable_thinking"] = thinking;
        return new ChatTemplateInput
        {
            Messages = messages,
            Tools = attrs.ValueKind == JsonValueKind.Object && attrs.TryGetProperty("tools", out _) ? data.GetProperty("tools") : null,
            Documents = attrs.ValueKind == JsonValueKind.Object && attrs.TryGetProperty("documents", out _) ? data.GetProperty("documents") : null,
            AddGenerationPrompt = Flag("add_generation_prompt"),
            ContinueFinalMessage = Flag("continue_final_message"),
            Variables = variables,
            Clock = new FixedClock(),
        };
    }

    private static string Show(string text) => JsonSerializer.Serialize(text);

    internal sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2025, 3, 7, 14, 5, 9, TimeSpan.Zero);
    }
}
