using Weft.Models.Families;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Models.Decoder;

/// <summary>A decoder that judges a whole text: a map from the last real token's hidden state to one score per label.</summary>
/// <remarks>The last token has seen all others, so its state stands for the text. Shapes: ids [B, T] -> scores [B, labels].</remarks>
public sealed class SequenceClassifier : Layer
{
    private const string LabelPrefix = "LABEL_";
    private readonly DecoderConfig _config;

    /// <summary>Makes the classifier with zero weights; initialise or load them next.</summary>
    public SequenceClassifier(DecoderConfig config, int labelCount, DType dtype = DType.Float32)
    {
        _config = config;
        Decoder = new DecoderModel(config with { TieEmbeddings = true, HeadBias = false }, dtype); // it has no head of its own
        Score = new Linear("score", config.HiddenSize, labelCount, bias: false, dtype);
    }

    /// <summary>The network below.</summary>
    public DecoderModel Decoder { get; }

    /// <summary>The map to labels: [labels, C].</summary>
    public Linear Score { get; }

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Parameters => [.. Decoder.Parameters, .. Score.Parameters];

    /// <summary>Scores texts. The last token of each is the last that is not padding, found from the ids.</summary>
    public Tensor Forward(Tensor ids, ForwardSettings? settings = null)
    {
        int B = ids.Shape[0], T = ids.Shape[1];
        Tensor scores = Score.Forward(Decoder.Hidden(ids, settings));               // [B, T, labels]
        int[] rows = new int[B], flat = ids.ToArray<int>();
        for (int b = 0; b < B; b++)
        {
            int last = T - 1;
            while (last > 0 && flat[b * T + last] == Decoder.Config.PaddingId) last--;
            rows[b] = b * T + last;
        }
        return scores.Flatten(0, 1).IndexSelect(0, Tensor.From(rows));              // [B, labels]
    }

    /// <summary>Reads a classifier from a folder in the Hugging Face layout.</summary>
    /// <exception cref="WeftFileException">A file is damaged, or is no classifier.</exception>
    public static SequenceClassifier Load(string path, DType dtype = DType.Float32)
    {
        ConfigReader reader = ModelDirectory.OpenConfig(path);
        DecoderFamily family = FamilyCatalogue.Of(reader);
        int labels = reader.Element("id2label") is { ValueKind: System.Text.Json.JsonValueKind.Object } map ? map.EnumerateObject().Count() : 2; // transformers' default
        SequenceClassifier model = new(ModelDirectory.ReadConfig(reader, family), labels, dtype);
        using CheckpointFile file = CheckpointFile.Open(path);
        ModelDirectory.Fill(model.Parameters.Concat(model.Decoder.Buffers), model.Mappings(family), file, path);
        return model;
    }

    /// <summary>Writes the classifier as a folder in the Hugging Face layout.</summary>
    public void Save(string path)
    {
        Directory.CreateDirectory(path);
        DecoderFamily family = FamilyCatalogue.For(_config);
        ConfigWriter writer = new();
        family.WriteConfig(writer, _config);
        ModelDirectory.AddCommonKeys(writer, _config, family, family.ClassifierArchitecture);
        int labels = Score.Weight.Shape[0];
        writer.Add("id2label", w =>
        {
            w.WriteStartObject();
            for (int i = 0; i < labels; i++) w.WriteString($"{i}", $"{LabelPrefix}{i}");
            w.WriteEndObject();
        });
        writer.Add("label2id", w =>
        {
            w.WriteStartObject();
            for (int i = 0; i < labels; i++) w.WriteNumber($"{LabelPrefix}{i}", i);
            w.WriteEndObject();
        });
        AtomicFile.WriteText(Path.Combine(path, ModelDirectory.ConfigFile), writer.ToJson());
        ModelDirectory.Write(Parameters.Concat(Decoder.Buffers), Mappings(family), Path.Combine(path, ModelDirectory.WeightsFile));
    }

    private IEnumerable<WeightMapping> Mappings(DecoderFamily family) => [.. family.Weights(_config).Where(static m => m.Parameter is not ("head.weight" or "head.bias")), new WeightMapping("score.weight", "score.weight")];
}
