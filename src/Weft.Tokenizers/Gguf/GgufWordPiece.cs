using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>BERT's WordPiece from a GGUF file, in which a word's first token begins with U+2581 and its others have no mark.</summary>
internal static class GgufWordPiece
{
    private const char WordStart = '\u2581';

    /// <summary>Builds the tokenizer with BERT's own spelling: <c>##</c> before continuations.</summary>
    /// <remarks>
    /// Text is normalized as BERT does, which is what the model was trained with. llama.cpp does it in its own way (Hangul, marks, control
    /// characters, words over 100 characters) and gives other ids on such text.
    /// </remarks>
    public static PipelineTokenizer Create(GgufVocabulary vocabulary)
    {
        List<AddedToken> added = [];
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            for (int id = 0; id < vocabulary.Tokens.Count; id++)
                if (IsSpecial(vocabulary, id))
                    added.Add(new AddedToken(vocabulary.Tokens[id], id));
            writer.WriteStartObject();
            TokenizerJsonParts.WriteHead(writer, added);
            writer.WriteStartObject("normalizer");
            writer.WriteString("type", "BertNormalizer");
            writer.WriteEndObject();
            writer.WriteStartObject("pre_tokenizer");
            writer.WriteString("type", "BertPreTokenizer");
            writer.WriteEndObject();
            WritePostProcessor(writer, vocabulary);
            writer.WriteStartObject("decoder");
            writer.WriteString("type", "WordPiece");
            writer.WriteString("prefix", "##");
            writer.WriteBoolean("cleanup", true);
            writer.WriteEndObject();
            WriteModel(writer, vocabulary);
            writer.WriteEndObject();
        }
        using JsonDocument document = JsonDocument.Parse(stream.ToArray());
        return PipelineJson.Load(JsonField.Root("the GGUF vocabulary", document));
    }

    private static bool IsSpecial(GgufVocabulary vocabulary, int id) =>
        (id < vocabulary.TokenTypes.Count && vocabulary.TokenTypes[id] is 2 or 3) || (vocabulary.Tokens[id].StartsWith('[') && vocabulary.Tokens[id].EndsWith(']') && vocabulary.Tokens[id].Length > 2);

    private static void WritePostProcessor(Utf8JsonWriter writer, GgufVocabulary vocabulary)
    {
        int start = Find("[CLS]");
        int end = Find("[SEP]");
        if (start < 0 || end < 0)
        {
            writer.WriteNull("post_processor");
            return;
        }
        writer.WriteStartObject("post_processor");
        writer.WriteString("type", "BertProcessing");
        Token("sep", end);
        Token("cls", start);
        writer.WriteEndObject();

        int Find(string token) => vocabulary.Tokens.ToList().IndexOf(token);

        void Token(string name, int id)
        {
            writer.WriteStartArray(name);
            writer.WriteStringValue(vocabulary.Tokens[id]);
            writer.WriteNumberValue(id);
            writer.WriteEndArray();
        }
    }

    private static void WriteModel(Utf8JsonWriter writer, GgufVocabulary vocabulary)
    {
        int unknown = vocabulary.UnknownId ?? vocabulary.Tokens.ToList().IndexOf("[UNK]");
        if (unknown < 0 || unknown >= vocabulary.Tokens.Count) throw new ArgumentException("A WordPiece vocabulary needs an unknown token.");
        writer.WriteStartObject("model");
        writer.WriteString("type", "WordPiece");
        writer.WriteString("unk_token", vocabulary.Tokens[unknown]);
        writer.WriteString("continuing_subword_prefix", "##");
        writer.WriteNumber("max_input_chars_per_word", 100);
        writer.WriteStartObject("vocab");
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (int id = 0; id < vocabulary.Tokens.Count; id++)
        {
            string token = vocabulary.Tokens[id];
            string spelled = IsSpecial(vocabulary, id) ? token : token.StartsWith(WordStart) ? token[1..] : "##" + token;
            if (!seen.Add(spelled)) throw new ArgumentException($"The token '{token}' stands in the vocabulary twice.");
            writer.WriteNumber(spelled, id);
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
