using System.Globalization;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Files;
using Weft.Training.Averaging;
using Weft.Training.Optimizers;

namespace Weft.Training.Runs;

/// <summary>Where a run stands besides its weights and its optimizer.</summary>
public sealed record RunState
{
    /// <summary>Steps made.</summary>
    public long Step { get; init; }

    /// <summary>Where the dropout generator stands.</summary>
    public ulong DropoutPosition { get; init; }

    /// <summary>The lowest held-out loss so far; positive infinity before the first measurement.</summary>
    public double BestLoss { get; init; } = double.PositiveInfinity;

    /// <summary>The step after which it was measured.</summary>
    public long BestStep { get; init; }

    /// <summary>Measurements since then.</summary>
    public int MeasurementsSinceBest { get; init; }

    /// <summary>Seconds of training so far, over all sessions.</summary>
    public double Seconds { get; init; }

    /// <summary>The corpus that the run learns from.</summary>
    public string CorpusFingerprint { get; init; } = "";
}

/// <summary>A whole run in one file: weights, optimizer and state. It is replaced in one move, so its parts always belong together.</summary>
public static class Checkpoint
{
    private const string ModelPrefix = "model.", OptimizerPrefix = "optimizer.";

    /// <summary>Writes a checkpoint beside the old one and moves it over it.</summary>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; the old checkpoint is untouched.</exception>
    public static void Save(string path, DecoderModel model, Optimizer optimizer, RunState state, WeightAverage? average = null)
    {
        SafetensorsWriter writer = new();
        foreach (Tensor parameter in model.Parameters) Add(writer, ModelPrefix + parameter.Name, parameter);
        foreach ((string name, Tensor tensor) in optimizer.State) Add(writer, OptimizerPrefix + name, tensor);
        if (average is not null) foreach ((string name, Tensor tensor) in average.State) Add(writer, name, tensor);
        foreach ((string key, string value) in Fields(state, optimizer.StepCount)) writer.Metadata[key] = value;
        writer.Save(path);
    }

    /// <summary>Reads a checkpoint into a model and an optimizer of the same kind.</summary>
    /// <exception cref="WeftFileException">The file is damaged or belongs to another model.</exception>
    public static RunState Load(string path, DecoderModel model, Optimizer optimizer, WeightAverage? average = null)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (Tensor parameter in model.Parameters) Read(file, ModelPrefix + parameter.Name, parameter);
        foreach ((string name, Tensor tensor) in optimizer.State) Read(file, OptimizerPrefix + name, tensor);
        if (average is not null) foreach ((string name, Tensor tensor) in average.State) Read(file, name, tensor);
        optimizer.StepCount = long.Parse(Field(file, "optimizer_step"), CultureInfo.InvariantCulture);
        return ReadState(file);
    }

    /// <summary>Reads where the run stands, without its weights.</summary>
    public static RunState LoadState(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return ReadState(file);
    }

    /// <summary>Reads only the weights.</summary>
    public static void LoadWeights(string path, DecoderModel model)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (Tensor parameter in model.Parameters) Read(file, ModelPrefix + parameter.Name, parameter);
    }

    private static RunState ReadState(SafetensorsFile file) => new()
    {
        Step = long.Parse(Field(file, "step"), CultureInfo.InvariantCulture),
        DropoutPosition = ulong.Parse(Field(file, "dropout_position"), CultureInfo.InvariantCulture),
        BestLoss = double.Parse(Field(file, "best_loss"), CultureInfo.InvariantCulture),
        BestStep = long.Parse(Field(file, "best_step"), CultureInfo.InvariantCulture),
        MeasurementsSinceBest = int.Parse(Field(file, "measurements_since_best"), CultureInfo.InvariantCulture),
        Seconds = double.Parse(Field(file, "seconds"), CultureInfo.InvariantCulture),
        CorpusFingerprint = Field(file, "corpus"),
    };

    private static IEnumerable<(string Key, string Value)> Fields(RunState state, long optimizerStep) =>
    [
        ("step", state.Step.ToString(CultureInfo.InvariantCulture)),
        ("optimizer_step", optimizerStep.ToString(CultureInfo.InvariantCulture)),
        ("dropout_position", state.DropoutPosition.ToString(CultureInfo.InvariantCulture)),
        ("best_loss", state.BestLoss.ToString("R", CultureInfo.InvariantCulture)),
        ("best_step", state.BestStep.ToString(CultureInfo.InvariantCulture)),
        ("measurements_since_best", state.MeasurementsSinceBest.ToString(CultureInfo.InvariantCulture)),
        ("seconds", state.Seconds.ToString("R", CultureInfo.InvariantCulture)),
        ("corpus", state.CorpusFingerprint),
    ];

    private static string Field(SafetensorsFile file, string key) =>
        file.Metadata.TryGetValue(key, out string? value) ? value : throw new WeftFileException(file.Path, 0, $"is not a checkpoint of a run: '{key}' is missing.");

    private static void Add(SafetensorsWriter writer, string name, Tensor tensor)
    {
        Tensor values = tensor.Detach();
        if (values.DType == DType.Float32) writer.Add(name, SafetensorsType.F32, values.Shape.AsSpan(), stream => SafetensorsWriter.WriteSingles(stream, values.AsSpan<float>(), SafetensorsType.F32));
        else writer.AddValues<double>(name, SafetensorsType.F64, values.Shape.AsSpan(), values.ToArray<double>());
    }

    private static void Read(SafetensorsFile file, string name, Tensor target)
    {
        if (!file.Entries.TryGetValue(name, out SafetensorsEntry? entry)) throw new WeftFileException(file.Path, 0, $"lacks '{name}': the checkpoint belongs to another model.");
        if (!target.Shape.AsSpan().SequenceEqual(entry.Shape)) throw new WeftFileException(file.Path, entry.Offset, $"'{name}' has shape [{string.Join(", ", entry.Shape)}], but the model's is {target.Shape}.");
        Tensor values = target.Detach();
        if (values.DType == DType.Float32) file.ReadAsSingle(entry, values.AsSpan<float>());
        else file.ReadAsDouble(entry, values.AsSpan<double>());
    }
}
