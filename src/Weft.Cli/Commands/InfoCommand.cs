using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Models.Decoder;
using Weft.Inference;
using Weft.Models.Families;
using Weft.Models.Families.Gguf;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Files.Gguf;
using Weft.Tokenizers;
using Weft.Training;

namespace Weft.Cli.Commands;

/// <summary><c>weft info</c>: what a model is made of.</summary>
internal static class InfoCommand
{
    internal static Command Create()
    {
        Argument<string?> model = new("model") { Description = "A GGUF file, a model's or a run's folder. Default: the newest run in ./runs.", Arity = ArgumentArity.ZeroOrOne };
        Option<bool> parameters = new("--parameters") { Description = "List every parameter with its shape." };
        Option<string?> train = new("--train") { Description = "Instead: predict the peak memory of training a preset." };
        Option<string[]> set = new("--set") { Description = "One setting of it as key=value; may be repeated.", DefaultValueFactory = _ => [] };
        Option<int?> vocabulary = new("--vocabulary") { Description = "The number of tokens, where the text decides. Default: the preset's." };
        Command command = new("info", "Show a model's architecture, parameters, memory and tokenizer.") { model, parameters, train, set, vocabulary };
        command.SetAction(parsed => parsed.GetValue(train) is { } preset
            ? ShowTraining(preset, parsed.GetValue(set) ?? [], parsed.GetValue(vocabulary))
            : Show(RunFolders.Model(parsed.GetValue(model)), parsed.GetValue(parameters)));
        return command.WithExamples("weft info", "weft info runs/my-run --parameters", "weft info --train gpt2-124m --vocabulary 50257 --set batchSize=4");
    }

    private static int ShowTraining(string preset, string[] settings, int? vocabulary)
    {
        TrainingConfig config = Shared.Usage(() => ConfigFile.Apply(TrainingPresets.Find(preset).Config, settings));
        Shared.Usage(config.Validate);
        TrainingMemory memory = TrainingMemory.Predict(config, vocabulary ?? config.VocabularySize);
        Table table = NewTable($"memory of training {preset}", "bytes", "");
        table.AddRow("weights", Bytes(memory.WeightBytes), "");
        table.AddRow("gradients", Bytes(memory.GradientBytes), "");
        table.AddRow("optimizer", Bytes(memory.OptimizerBytes), "");
        table.AddRow("activations", Bytes(memory.ActivationBytes), Markup.Escape($"batch {config.BatchSize} x {config.ContextLength}{(config.CheckpointActivations ? ", checkpoints" : "")}"));
        table.AddRow("logits", Bytes(memory.HeadBytes), "");
        table.AddRow("runtime", Bytes(memory.RuntimeBytes), "");
        table.AddRow("all, at the peak", Bytes(memory.TotalBytes), config.CheckpointActivations ? "" : "--set checkpointActivations=true needs less");
        AnsiConsole.Write(table);
        return 0;
    }

    private static int Show(string path, bool listAll)
    {
        DecoderModel model = File.Exists(path) ? GgufModel.Load(GgufFile.Open(path)) : ModelDirectory.Load(path);
        DecoderConfig config = model.Config;
        DecoderFamily family = FamilyCatalogue.For(config);
        IAnsiConsole console = AnsiConsole.Console;
        console.Write(Architecture(path, model, family));
        console.WriteLine();
        console.Write(listAll ? Every(model) : Summary(model));
        console.WriteLine();
        console.Write(Memory(model));
        console.WriteLine();
        ShowTokenizer(console, path);
        return 0;
    }

    private static Tree Architecture(string path, DecoderModel model, DecoderFamily family)
    {
        DecoderConfig c = model.Config;
        Tree tree = new(Markup.Escape($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))}: {family.Architecture}, {model.ParameterCount:N0} parameters"));
        TreeNode embedding = tree.AddNode(Markup.Escape($"embedding: {c.VocabularySize:N0} tokens x {c.HiddenSize}"));
        embedding.AddNode(c.Positions switch
        {
            PositionScheme.Learned => $"positions: learned, {c.ContextLength:N0}",
            PositionScheme.Rotary => string.Create(CultureInfo.InvariantCulture, $"positions: rotary, base {c.RotaryBase:G}, context {c.ContextLength:N0}"),
            PositionScheme.Alibi => $"positions: ALiBi, context {c.ContextLength:N0}",
            _ => $"positions: none, context {c.ContextLength:N0}",
        });
        TreeNode blocks = tree.AddNode($"{c.BlockCount} blocks");
        string norm = c.Normalization == NormalizationKind.LayerNorm ? $"layer norm{(c.NormalizationBias ? "" : ", no offset")}" : "RMS norm";
        blocks.AddNode(norm);
        TreeNode attention = blocks.AddNode("causal self-attention");
        attention.AddNode($"query, key, value: {c.HiddenSize} -> {c.HeadCount} heads x {c.ResolvedHeadSize}{(c.ResolvedKeyValueHeadCount == c.HeadCount ? "" : $", {c.ResolvedKeyValueHeadCount} for keys and values")}");
        attention.AddNode($"output: {c.HeadCount * c.ResolvedHeadSize} -> {c.HiddenSize}");
        blocks.AddNode(norm);
        blocks.AddNode($"feed-forward: {c.HiddenSize} -> {c.ResolvedFeedForwardSize} -> {c.HiddenSize}, {Activation(c)}");
        tree.AddNode(norm);
        tree.AddNode($"head: {c.HiddenSize} -> {c.VocabularySize:N0}{(c.TieEmbeddings ? ", tied to the embedding" : "")}");
        return tree;
    }

    private static string Activation(DecoderConfig c)
    {
        string name = c.ResolvedActivation switch { ActivationKind.Gelu => "GELU", ActivationKind.GeluTanh => "GELU (tanh)", ActivationKind kind => kind.ToString() };
        string network = !c.IsGated ? name : c.ResolvedActivation == ActivationKind.Silu ? "SwiGLU" : $"gate with {name}";
        return c.Experts is { } experts ? $"{network}, {experts.ChosenCount} of {experts.Count} experts of {experts.FeedForwardSize}" : network;
    }

    private static Table Summary(DecoderModel model)
    {
        Table table = NewTable("part", "parameters", "share");
        foreach (IGrouping<string, Tensor> part in model.Parameters.GroupBy(static p => Part(p.Name!)))
        {
            long count = part.Sum(static p => (long)p.Count);
            table.AddRow(part.Key, count.ToString("N0", CultureInfo.InvariantCulture), ((double)count / model.ParameterCount).ToString("P1", CultureInfo.InvariantCulture));
        }
        table.AddRow("all", model.ParameterCount.ToString("N0", CultureInfo.InvariantCulture), "");
        if (model.PositionEmbedding is { } positions) table.AddRow("all without positions", (model.ParameterCount - positions.Weight.Count).ToString("N0", CultureInfo.InvariantCulture), "");
        return table;
    }

    private static Table Every(DecoderModel model)
    {
        Table table = NewTable("parameter", "shape", "count");
        foreach (Tensor parameter in model.Parameters) table.AddRow(Markup.Escape(parameter.Name!), Markup.Escape(parameter.Shape.ToString()), parameter.Count.ToString("N0", CultureInfo.InvariantCulture));
        return table;
    }

    private static Table Memory(DecoderModel model)
    {
        long weights = model.ParameterCount * 4;
        Table table = NewTable("memory in float32", "bytes", "");
        table.AddRow("weights", Bytes(weights), "");
        table.AddRow($"key-value cache, {model.Config.ContextLength:N0} tokens", Bytes(new KeyValueCache(model.Config).CapacityBytes), "");
        table.AddRow("training: weights, gradients, two moments", Bytes(4 * weights), "activations come on top");
        return table;
    }

    private static void ShowTokenizer(IAnsiConsole console, string path)
    {
        if (Directory.Exists(path) && !File.Exists(Path.Combine(path, "tokenizer.json")))
        {
            console.WriteLine("tokenizer: none in the folder");
            return;
        }
        Tokenizer tokenizer = File.Exists(path) ? GgufTokenizer.Read(GgufFile.Open(path)) : Tokenizer.Load(path);
        string end = tokenizer.EndOfTextId is { } id ? $", texts end with {tokenizer.Token(id)} ({id})" : "";
        console.WriteLine($"tokenizer: {tokenizer.GetType().Name}, {tokenizer.VocabularySize:N0} tokens{end}");
    }

    private static Table NewTable(params string[] columns)
    {
        Table table = new() { Border = TableBorder.Rounded };
        foreach (string column in columns) table.AddColumn(new TableColumn(column) { Alignment = column is "parameters" or "share" or "count" or "bytes" ? Justify.Right : Justify.Left });
        return table;
    }

    private static string Part(string name)
    {
        if (!name.StartsWith("blocks.", StringComparison.Ordinal)) return name.StartsWith("embedding", StringComparison.Ordinal) ? name.Split('.')[1] + " embedding" : name.Split('.')[0];
        string[] words = name.Split('.');
        return "blocks: " + words[2].Replace('_', ' ');
    }

    private static string Bytes(long bytes) => bytes switch
    {
        >= 1 << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 30):F2} GiB"),
        >= 1 << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):F1} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F1} KiB"),
    };
}
