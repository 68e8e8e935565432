using System.Text.Json;

namespace Weft.Tokenizers;

/// <summary>Learns the vocabulary of a pipeline whose other parts are given.</summary>
public static class TokenizerTrainer
{
    /// <summary>Trains. The same texts give the same vocabulary.</summary>
    /// <param name="pipeline">
    /// A <c>tokenizer.json</c> as text, of which <c>normalizer</c>, <c>pre_tokenizer</c>, <c>post_processor</c> and <c>decoder</c> are
    /// used; each may be null.
    /// </param>
    /// <param name="config">Which kind of vocabulary, and how large.</param>
    /// <param name="texts">The corpus, for example its lines.</param>
    /// <param name="progress">Told from time to time how far it is; null: nobody.</param>
    /// <param name="cancellation">Ends the training early.</param>
    /// <exception cref="ArgumentException">The configuration does not fit together.</exception>
    /// <exception cref="TokenizerFormatException">The pipeline names a part that is not known here.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static PipelineTokenizer Train(
        string pipeline, VocabularyConfig config, IEnumerable<string> texts,
        IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(texts);
        config.Validate();
        const string Name = "the pipeline";
        using JsonDocument parts = Parse(Name, pipeline);
        JsonField root = JsonField.Root(Name, parts);
        Normalizer? normalizer = NormalizerJson.Read(root["normalizer"]);
        PreTokenizer? preTokenizer = PreTokenizerJson.Read(root["pre_tokenizer"]);

        WordCounts words = Count(texts, normalizer, preTokenizer, progress, cancellation);
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream))
        {
            writer.WriteStartObject();
            TokenizerJsonParts.WriteHead(writer, config.SpecialTokens.Select((token, id) => new AddedToken(token, id)));
            foreach (string part in (string[])["normalizer", "pre_tokenizer", "post_processor", "decoder"])
            {
                writer.WritePropertyName(part);
                if (root[part].IsNull) writer.WriteNullValue();
                else root[part].Value.WriteTo(writer);
            }
            WriteModel(writer, config, words, progress, cancellation);
            writer.WriteEndObject();
        }
        using JsonDocument whole = JsonDocument.Parse(stream.ToArray());
        return PipelineJson.Load(JsonField.Root("the trained tokenizer", whole));
    }

    private static void WriteModel(
        Utf8JsonWriter writer, VocabularyConfig config, WordCounts words, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        switch (config)
        {
            case BytePairVocabularyConfig bytePair:
                MergeLearner merges = MergedVocabulary.Learn(bytePair, words, progress, cancellation);
                TokenizerJsonParts.WriteBytePairModel(
                    writer, bytePair.UnknownToken, Vocabulary(merges.Tokens), merges.Merges.Select(merge => (merges.Tokens[merge.Left], merges.Tokens[merge.Right])),
                    bytePair.ContinuingPrefix, bytePair.EndOfWordSuffix, bytePair.FuseUnknown, bytePair.ByteFallback);
                break;
            case WordPieceVocabularyConfig wordPiece:
                MergeLearner pieces = MergedVocabulary.Learn(wordPiece, words, progress, cancellation);
                writer.WriteStartObject("model");
                writer.WriteString("type", "WordPiece");
                writer.WriteString("unk_token", wordPiece.UnknownToken);
                writer.WriteString("continuing_subword_prefix", wordPiece.ContinuingPrefix);
                writer.WriteNumber("max_input_chars_per_word", wordPiece.LongestWord);
                WriteVocabulary(writer, pieces.Tokens);
                writer.WriteEndObject();
                break;
            case WordLevelVocabularyConfig wordLevel:
                writer.WriteStartObject("model");
                writer.WriteString("type", "WordLevel");
                WriteVocabulary(writer, MostFrequent(wordLevel, words));
                writer.WriteString("unk_token", wordLevel.UnknownToken);
                writer.WriteEndObject();
                break;
            case UnigramVocabularyConfig unigram:
                (List<(string Token, double Score)> tokens, int? unknownId) = new UnigramLearner(unigram, words).Learn(progress, cancellation);
                writer.WriteStartObject("model");
                writer.WriteString("type", "Unigram");
                if (unknownId is int id) writer.WriteNumber("unk_id", id);
                else writer.WriteNull("unk_id");
                writer.WriteStartArray("vocab");
                foreach ((string token, double score) in tokens)
                {
                    writer.WriteStartArray();
                    writer.WriteStringValue(token);
                    writer.WriteNumberValue(score);
                    writer.WriteEndArray();
                }
                writer.WriteEndArray();
                writer.WriteBoolean("byte_fallback", false);
                writer.WriteEndObject();
                break;
            default: throw new ArgumentException($"{config.GetType().Name} has no trainer.", nameof(config));
        }
    }

    private static IEnumerable<string> MostFrequent(WordLevelVocabularyConfig config, WordCounts words) => config.SpecialTokens
        .Concat(words.Items.Where(word => word.Value >= config.MinimumFrequency)
            .OrderByDescending(word => word.Value).ThenBy(word => word.Key, CodePointComparer.Instance).Select(word => word.Key))
        .Distinct(StringComparer.Ordinal)
        .Take(config.VocabularySize);

    private static Dictionary<string, int> Vocabulary(IReadOnlyList<string> tokens)
    {
        Dictionary<string, int> vocabulary = new(tokens.Count, StringComparer.Ordinal);
        for (int id = 0; id < tokens.Count; id++) vocabulary[tokens[id]] = id;
        return vocabulary;
    }

    private static void WriteVocabulary(Utf8JsonWriter writer, IEnumerable<string> tokens)
    {
        writer.WriteStartObject("vocab");
        int id = 0;
        foreach (string token in tokens) writer.WriteNumber(token, id++);
        writer.WriteEndObject();
    }

    private static WordCounts Count(
        IEnumerable<string> texts, Normalizer? normalizer, PreTokenizer? preTokenizer, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        WordCounts words = new();
        long done = 0;
        long reported = 0;
        foreach (string text in texts)
        {
            cancellation.ThrowIfCancellationRequested();
            AlignedText whole = AlignedText.Original(text.AsMemory());
            if (normalizer is not null) whole = normalizer.Normalize(whole);
            IReadOnlyList<AlignedText> pieces = preTokenizer is null ? [whole] : preTokenizer.SplitAll([whole]);
            foreach (AlignedText piece in pieces)
                if (piece.Length > 0)
                    words.Add(piece.Text);
            done += text.Length;
            if (done - reported < 1 << 20) continue;
            progress?.Report(new("counting words", done, 0));
            reported = done;
        }
        return words;
    }

    private static JsonDocument Parse(string name, string json)
    {
        try
        {
            return JsonDocument.Parse(json);
        }
        catch (JsonException problem)
        {
            throw new TokenizerFormatException(name, $"line {problem.LineNumber + 1}: not valid JSON.", problem);
        }
    }
}
