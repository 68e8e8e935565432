using System.Text.Json;
using Weft.Models.Encoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Files;
using Weft.Tokenizers;

namespace Weft.Inference.Encoders;

/// <summary>How the vectors of a text's tokens become one.</summary>
public enum Pooling
{
    /// <summary>Their mean, the tokens that begin and end the text included.</summary>
    Mean,

    /// <summary>The first token's.</summary>
    First,

    /// <summary>The largest of each component.</summary>
    Maximum,

    /// <summary>Their sum divided by the square root of their number.</summary>
    MeanSquareRoot,
}

/// <summary>Turns texts into vectors whose angle says how alike the texts are (Reimers and Gurevych 2019, arXiv:1908.10084).</summary>
/// <remarks>
/// Reads the layout of sentence-transformers: an encoder's folder with <c>1_Pooling/config.json</c>, <c>modules.json</c> and
/// <c>sentence_bert_config.json</c>; without them the mean of the tokens, of length 1. Batches are padded and masked, which gives each
/// text the vector that it has alone, up to the order of summation.
/// </remarks>
public sealed class SentenceEncoder
{
    // Small enough for the caches, large enough to fill the vector units.
    private const int MostTexts = 32, MostTokens = 4096;

    /// <summary>Puts an encoder together.</summary>
    /// <param name="model">The network.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="pooling">How tokens become one vector.</param>
    /// <param name="maximumTokens">Longer texts are cut; at most the model's context length.</param>
    /// <param name="normalize">Whether vectors get length 1.</param>
    public SentenceEncoder(EncoderModel model, Tokenizer tokenizer, Pooling pooling = Pooling.Mean, int maximumTokens = int.MaxValue, bool normalize = true)
    {
        (Model, Tokenizer, Pooling, Normalizes) = (model, tokenizer, pooling, normalize);
        MaximumTokens = Math.Min(maximumTokens, model.Config.ContextLength);
    }

    /// <summary>The network.</summary>
    public EncoderModel Model { get; }

    /// <summary>From text to token ids.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>How tokens become one vector.</summary>
    public Pooling Pooling { get; }

    /// <summary>The most tokens of a text that are read.</summary>
    public int MaximumTokens { get; }

    /// <summary>Whether vectors have length 1.</summary>
    public bool Normalizes { get; }

    /// <summary>The number of components of a vector.</summary>
    public int Size => Model.Config.HiddenSize;

    /// <summary>Reads a folder.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static SentenceEncoder Load(string path, DType dtype = DType.Float32)
    {
        int maximum = int.MaxValue;
        if (Json(Path.Combine(path, "sentence_bert_config.json")) is { } limits && limits.TryGetProperty("max_seq_length", out JsonElement length) && length.ValueKind == JsonValueKind.Number) maximum = length.GetInt32();
        string modules = Path.Combine(path, "modules.json");
        bool normalize = !File.Exists(modules) || File.ReadAllText(modules).Contains("Normalize", StringComparison.Ordinal);
        return new SentenceEncoder(EncoderDirectory.Load(path, dtype), Tokenizer.Load(path), PoolingOf(Path.Combine(path, "1_Pooling", "config.json")), maximum, normalize);
    }

    /// <summary>The vectors of texts, one row each. Shapes: -> [texts, C].</summary>
    /// <param name="texts">Any texts, the empty one too.</param>
    /// <param name="cancellation">Stops before the next batch.</param>
    public Tensor Encode(IReadOnlyList<string> texts, CancellationToken cancellation = default)
    {
        int[][] ids = [.. texts.Select(text => TextPieces.Encode(Tokenizer, text, MaximumTokens))];
        Tensor result = Tensor.Zeros([texts.Count, Size], Model.DType);
        // Texts of like length go together, so that little is computed for padding.
        int[] order = [.. Enumerable.Range(0, ids.Length).OrderBy(i => ids[i].Length)];
        for (int start = 0, end; start < order.Length; start = end)
        {
            for (end = start + 1; end < order.Length && end - start < MostTexts && (end - start + 1) * ids[order[end]].Length <= MostTokens; end++) { }
            int[] batch = order[start..end];
            cancellation.ThrowIfCancellationRequested();
            using (GradMode.Off())
            using (MemoryScope.Enter())
            {
                Tensor vectors = EncodeIds([.. batch.Select(i => ids[i])]); // [B, C]
                for (int b = 0; b < batch.Length; b++) result.Narrow(0, batch[b], 1).CopyFrom(vectors.Narrow(0, b, 1));
            }
        }
        return result;
    }

    /// <summary>The vector of one text: [C].</summary>
    public Tensor Encode(string text) => Encode([text]).Select(0, 0);

    /// <summary>The vectors of texts that are token ids already, with their first and last tokens. Shapes: -> [texts, C].</summary>
    public Tensor EncodeIds(IReadOnlyList<int[]> rows)
    {
        (int[] ids, bool[]? real, int T) = TextPieces.Pad(rows, Model.Config.PaddingId ?? 0, Model.Config.ContextLength);
        Tensor? mask = real is null ? null : Tensor.From(real, [rows.Count, T]);
        Tensor hidden = Model.Hidden(Tensor.From(ids, [rows.Count, T]), new EncoderSettings { Mask = mask }); // [B, T, C]
        Tensor pooled = Pool(hidden, mask, rows);                                   // [B, C]
        return Normalizes ? pooled.Normalize() : pooled;
    }

    private Tensor Pool(Tensor hidden, Tensor? mask, IReadOnlyList<int[]> rows)
    {
        if (Pooling == Pooling.First) return hidden.Select(1, 0);
        Tensor? padding = mask?.LogicalNot().Unsqueeze(2);                          // [B, T, 1]
        if (Pooling == Pooling.Maximum) return (padding is null ? hidden : hidden.MaskedFill(padding, double.NegativeInfinity)).Max(1);
        Tensor sum = (padding is null ? hidden : hidden.MaskedFill(padding, 0)).Sum(1); // [B, C]
        double[] counts = [.. rows.Select(row => Pooling == Pooling.Mean ? row.Length : Math.Sqrt(row.Length))];
        return sum / Tensor.From(counts, [rows.Count, 1]).To(hidden.DType);
    }

    private static Pooling PoolingOf(string path)
    {
        if (Json(path) is not { } json) return Pooling.Mean;
        if (json.TryGetProperty("pooling_mode", out JsonElement mode) && mode.ValueKind == JsonValueKind.String)
            return Named(mode.GetString()!) ?? throw new WeftFileException(path, 0, $"'pooling_mode' is '{mode.GetString()}', which is not supported.");
        string[] chosen = [.. json.EnumerateObject().Where(static p => p.Name.StartsWith("pooling_mode_", StringComparison.Ordinal) && p.Value.ValueKind == JsonValueKind.True).Select(static p => p.Name)];
        if (chosen.Length != 1) throw new WeftFileException(path, 0, $"chooses {chosen.Length} poolings, but one is supported.");
        return Named(chosen[0]["pooling_mode_".Length..]) ?? throw new WeftFileException(path, 0, $"'{chosen[0]}' is not supported.");
    }

    private static Pooling? Named(string name) => name switch
    {
        "mean" or "mean_tokens" => Pooling.Mean,
        "cls" or "cls_token" => Pooling.First,
        "max" or "max_tokens" => Pooling.Maximum,
        "mean_sqrt_len_tokens" => Pooling.MeanSquareRoot,
        _ => null,
    };

    private static JsonElement? Json(string path)
    {
        if (!File.Exists(path)) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : throw new WeftFileException(path, 0, "is not a JSON object.");
        }
        catch (JsonException exception)
        {
            throw new WeftFileException(path, 0, "is not valid JSON.", exception);
        }
    }
}
