using System.Buffers;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using Weft.Tensors.Files;

namespace Weft.Training.Runs;

/// <summary>Appends a run's measures to <c>metrics.jsonl</c>, one JSON object a line.</summary>
/// <remarks>
/// Each line is handed to the operating system before <see cref="Append(in MetricPoint, ReadOnlySpan{NamedValue})"/> returns, so
/// killing the process loses nothing; a failure of the machine may lose what came after the last <see cref="Flush"/>. A line
/// counts when its line end is there. In the steady state an append allocates nothing. Use it from one thread; others may read the file.
/// </remarks>
public sealed class MetricsLog : IDisposable
{
    // Far above any line that is written here; it bounds what a damaged log can make the reader allocate.
    private const int MaximumLineBytes = 1 << 20;

    private static readonly JsonEncodedText StepName = JsonEncodedText.Encode("step");
    private static readonly JsonEncodedText TokensName = JsonEncodedText.Encode("tokens");
    private static readonly JsonEncodedText LossName = JsonEncodedText.Encode("loss");
    private static readonly JsonEncodedText ValidationLossName = JsonEncodedText.Encode("validation_loss");
    private static readonly JsonEncodedText LearningRateName = JsonEncodedText.Encode("learning_rate");
    private static readonly JsonEncodedText GradientNormName = JsonEncodedText.Encode("gradient_norm");
    private static readonly JsonEncodedText TokensPerSecondName = JsonEncodedText.Encode("tokens_per_second");
    private static readonly JsonEncodedText SecondsName = JsonEncodedText.Encode("seconds");

    private readonly SafeFileHandle _handle;
    private readonly ArrayBufferWriter<byte> _line = new(512);
    private readonly Utf8JsonWriter _json;
    private long _position;

    private MetricsLog(SafeFileHandle handle, long position)
    {
        _handle = handle;
        _position = position;
        _json = new Utf8JsonWriter(_line);
    }

    /// <summary>Starts a new log; an older one at this path is replaced.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static MetricsLog Create(string path) =>
        new(File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.Read), position: 0);

    /// <summary>Goes on with a log after a checkpoint: lines of later steps, and a last line without its end, are cut off.</summary>
    /// <param name="path">The log; it is created where it is absent.</param>
    /// <param name="step">The checkpoint's step. Lines of this step are kept.</param>
    /// <exception cref="WeftFileException">A line before the last is not one of this log's.</exception>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public static MetricsLog Resume(string path, long step)
    {
        long keep = 0;
        if (File.Exists(path))
        {
            foreach ((long start, ReadOnlyMemory<byte> line) in Lines(path))
            {
                Parse(path, start, line.Span, out MetricPoint point, other: null);
                if (point.Step > step) break;
                keep = start + line.Length + 1;
            }
        }
        SafeFileHandle handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
        try { RandomAccess.SetLength(handle, keep); }
        catch { handle.Dispose(); throw; }
        return new MetricsLog(handle, keep);
    }

    /// <summary>Reads a log, also one that is being written; a last line without its end is left out.</summary>
    /// <exception cref="WeftFileException">A line is not one of this log's.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static MetricHistory Read(string path)
    {
        List<MetricPoint> points = [];
        Dictionary<string, List<(long, double)>> other = new(StringComparer.Ordinal);
        foreach ((long start, ReadOnlyMemory<byte> line) in Lines(path))
        {
            Parse(path, start, line.Span, out MetricPoint point, other);
            points.Add(point);
        }
        return new MetricHistory(points, other.ToDictionary(pair => pair.Key, pair => (IReadOnlyList<(long, double)>)pair.Value, StringComparer.Ordinal));
    }

    /// <summary>Appends one line.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Append(in MetricPoint point) => Append(point, []);

    /// <summary>Appends one line with measures beyond the common ones.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Append(in MetricPoint point, ReadOnlySpan<NamedValue> other)
    {
        _line.ResetWrittenCount();
        _json.Reset(_line);
        _json.WriteStartObject();
        _json.WriteNumber(StepName, point.Step);
        if (point.Tokens is long tokens) _json.WriteNumber(TokensName, tokens);
        Write(LossName, point.Loss);
        Write(ValidationLossName, point.ValidationLoss);
        Write(LearningRateName, point.LearningRate);
        Write(GradientNormName, point.GradientNorm);
        Write(TokensPerSecondName, point.TokensPerSecond);
        Write(SecondsName, point.Seconds);
        foreach (NamedValue value in other)
        {
            _json.WritePropertyName(value.Name);
            WriteValue(value.Value);
        }
        _json.WriteEndObject();
        _json.Flush();
        _line.GetSpan(1)[0] = (byte)'\n';
        _line.Advance(1);

        RandomAccess.Write(_handle, _line.WrittenSpan, _position);
        _position += _line.WrittenCount;
    }

    /// <summary>Waits until everything is on the disk: call it when a checkpoint is saved.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Flush() => RandomAccess.FlushToDisk(_handle);

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _json.Dispose();
        _handle.Dispose();
    }

    private void Write(JsonEncodedText name, double? value)
    {
        if (value is not double number) return;
        _json.WritePropertyName(name);
        WriteValue(number);
    }

    // JSON has no such numbers; a run that diverges must still say so. Python's float() and .NET read these spellings.
    private void WriteValue(double value)
    {
        if (double.IsFinite(value)) _json.WriteNumberValue(value);
        else _json.WriteStringValue(double.IsNaN(value) ? "NaN"u8 : value > 0 ? "Infinity"u8 : "-Infinity"u8);
    }

    // Complete lines with the place where each starts; the memory is valid until the next one is taken.
    private static IEnumerable<(long Start, ReadOnlyMemory<byte> Line)> Lines(string path)
    {
        using SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] buffer = new byte[1 << 16];
        int filled = 0;
        long start = 0; // Of what is in the buffer, in the file.
        while (true)
        {
            int count = RandomAccess.Read(handle, buffer.AsSpan(filled), start + filled);
            if (count == 0) yield break;
            filled += count;
            int used = 0;
            for (int end; (end = buffer.AsSpan(used, filled - used).IndexOf((byte)'\n')) >= 0; used += end + 1)
                yield return (start + used, buffer.AsMemory(used, end));
            buffer.AsSpan(used, filled - used).CopyTo(buffer);
            filled -= used;
            start += used;
            if (filled > MaximumLineBytes) throw new WeftFileException(path, start, $"A line is longer than {MaximumLineBytes} bytes.");
            if (filled == buffer.Length) Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    private static void Parse(string path, long start, ReadOnlySpan<byte> line, out MetricPoint point, Dictionary<string, List<(long, double)>>? other)
    {
        try
        {
            Utf8JsonReader reader = new(line);
            long? step = null;
            point = new MetricPoint { Step = 0 };
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new JsonException("not an object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string name = reader.GetString()!;
                reader.Read();
                if (name == "step") point = point with { Step = (step = reader.GetInt64()).Value };
                else if (name == "tokens") point = point with { Tokens = reader.GetInt64() };
                else if (Value(ref reader) is not double value) reader.Skip();
                else if (name == "loss") point = point with { Loss = value };
                else if (name == "validation_loss") point = point with { ValidationLoss = value };
                else if (name == "learning_rate") point = point with { LearningRate = value };
                else if (name == "gradient_norm") point = point with { GradientNorm = value };
                else if (name == "tokens_per_second") point = point with { TokensPerSecond = value };
                else if (name == "seconds") point = point with { Seconds = value };
                else if (other is not null && step is not null)
                {
                    if (!other.TryGetValue(name, out List<(long, double)>? values)) other.Add(name, values = []);
                    values.Add((step.Value, value));
                }
            }
            reader.Read(); // Refuses anything after the object.
            if (step is null) throw new JsonException("no step");
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            throw new WeftFileException(path, start, $"This line is not one of a metrics log: {exception.Message}", exception);
        }
    }

    private static double? Value(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.Number => reader.GetDouble(),
        JsonTokenType.String when reader.ValueTextEquals("NaN"u8) => double.NaN,
        JsonTokenType.String when reader.ValueTextEquals("Infinity"u8) => double.PositiveInfinity,
        JsonTokenType.String when reader.ValueTextEquals("-Infinity"u8) => double.NegativeInfinity,
        _ => null,
    };
}
