using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Weft.Training.Runs;

/// <summary>Writes an event file that TensorBoard shows: curves of scalars, and texts.</summary>
/// <remarks>
/// A file is a sequence of records: u64 length, masked crc32c of those eight bytes, a serialized <c>Event</c>, masked crc32c of it;
/// all little-endian. The first event says <c>brain.Event:2</c>. Field numbers are those of TensorFlow's event.proto,
/// summary.proto and tensor.proto. In the steady state a scalar allocates nothing. Use it from one thread.
/// </remarks>
public sealed class TensorBoardWriter : IDisposable
{
    // Records gather until they are this large or this old, whichever is first; TensorBoard itself looks every few seconds.
    private const int FlushBytes = 1 << 16;
    private static readonly TimeSpan FlushAge = TimeSpan.FromSeconds(5);

    // tensorflow/core/framework/types.proto.
    private const int StringDataType = 7;

    private readonly SafeFileHandle _handle;
    private readonly TimeProvider _clock;
    private readonly ProtobufBuffer _event = new();
    private byte[] _pending = new byte[FlushBytes];
    private int _pendingBytes;
    private long _position;
    private long _lastFlush = Stopwatch.GetTimestamp();

    private TensorBoardWriter(string path, SafeFileHandle handle, TimeProvider clock)
    {
        Path = path;
        _handle = handle;
        _clock = clock;
    }

    /// <summary>The event file.</summary>
    public string Path { get; }

    /// <summary>Starts a new event file <c>events.out.tfevents.SECONDS.HOST</c> in a folder.</summary>
    /// <param name="directory">The run's folder; it is created where it is absent.</param>
    /// <param name="firstStep">For a resumed run, the first step that will be written: TensorBoard then drops what older
    /// event files of the folder hold from that step on.</param>
    /// <param name="clock">The clock of the events; the system's if null.</param>
    /// <exception cref="IOException">The file cannot be created.</exception>
    public static TensorBoardWriter Create(string directory, long? firstStep = null, TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        Directory.CreateDirectory(directory);
        string host = string.Concat(Environment.MachineName.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' ? c : '-'));
        string stem = System.IO.Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{clock.GetUtcNow().ToUnixTimeSeconds()}.{host}"));

        // Two runs within one second: the second gets a number behind the name.
        string path = stem;
        for (int number = 2; File.Exists(path); number++) path = string.Create(CultureInfo.InvariantCulture, $"{stem}.{number}");

        TensorBoardWriter writer = new(path, File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read), clock);
        writer.BeginEvent(step: 0);
        writer._event.Text(3, "brain.Event:2");
        writer.EndEvent();
        if (firstStep is long step)
        {
            writer.BeginEvent(step);
            int sessionLog = writer._event.Begin(7);
            writer._event.Int64(1, 1); // SessionLog.START
            writer._event.End(sessionLog);
            writer.EndEvent();
        }
        writer.Flush();
        return writer;
    }

    /// <summary>Adds a point to the curve <paramref name="tag"/>; a slash in the tag groups curves.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void AddScalar(string tag, long step, double value)
    {
        BeginEvent(step);
        int summary = _event.Begin(5);
        AddValue(tag, value);
        _event.End(summary);
        EndEvent();
    }

    /// <summary>Adds what was measured at a step, one curve for each measure that is there.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Add(in MetricPoint point, ReadOnlySpan<NamedValue> other = default)
    {
        BeginEvent(point.Step);
        int summary = _event.Begin(5);
        if (point.Loss is double loss) AddValue("loss/training", loss);
        if (point.ValidationLoss is double validationLoss) AddValue("loss/validation", validationLoss);
        if (point.LearningRate is double rate) AddValue("optimizer/learning_rate", rate);
        if (point.GradientNorm is double norm) AddValue("optimizer/gradient_norm", norm);
        if (point.TokensPerSecond is double speed) AddValue("speed/tokens_per_second", speed);
        if (point.Tokens is long tokens) AddValue("progress/tokens", tokens);
        foreach (NamedValue value in other) AddValue(value.Name, value.Value);
        _event.End(summary);
        EndEvent();
    }

    /// <summary>Adds a text, such as a sample of the model. It is shown as it is, in a fixed-width block.</summary>
    /// <remarks>TensorBoard reads texts as Markdown; the four spaces in front of each line make a literal block of it.</remarks>
    /// <exception cref="IOException">The disk failed.</exception>
    public void AddText(string tag, long step, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        BeginEvent(step);
        int summary = _event.Begin(5);
        int value = _event.Begin(1);
        _event.Text(1, tag);

        int metadata = _event.Begin(9);
        int plugin = _event.Begin(1);
        _event.Text(1, "text");
        _event.End(plugin);
        _event.End(metadata);

        int tensor = _event.Begin(8);
        _event.Int64(1, StringDataType);
        int shape = _event.Begin(2);
        int dimension = _event.Begin(2);
        _event.Int64(1, 1);
        _event.End(dimension);
        _event.End(shape);
        _event.Text(8, "    " + text.ReplaceLineEndings("\n    "));
        _event.End(tensor);

        _event.End(value);
        _event.End(summary);
        EndEvent();
    }

    /// <summary>Hands what is gathered to the operating system.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Flush()
    {
        RandomAccess.Write(_handle, _pending.AsSpan(0, _pendingBytes), _position);
        _position += _pendingBytes;
        _pendingBytes = 0;
        _lastFlush = Stopwatch.GetTimestamp();
    }

    /// <summary>Writes what is gathered and closes the file.</summary>
    public void Dispose()
    {
        if (_handle.IsClosed) return;
        try { Flush(); }
        finally { _handle.Dispose(); }
    }

    private void AddValue(string tag, double value)
    {
        int start = _event.Begin(1);
        _event.Text(1, tag);
        _event.Float(2, (float)value);
        _event.End(start);
    }

    private void BeginEvent(long step)
    {
        _event.Clear();
        _event.Double(1, (_clock.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds);
        if (step != 0) _event.Int64(2, step);
    }

    private void EndEvent()
    {
        ReadOnlySpan<byte> data = _event.Written;
        int bytes = sizeof(ulong) + sizeof(uint) + data.Length + sizeof(uint);
        if (_pendingBytes + bytes > _pending.Length)
        {
            Flush();
            if (bytes > _pending.Length) Array.Resize(ref _pending, bytes);
        }
        Span<byte> record = _pending.AsSpan(_pendingBytes, bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], Crc32C.Masked(record[..8]));
        data.CopyTo(record[12..]);
        BinaryPrimitives.WriteUInt32LittleEndian(record[(12 + data.Length)..], Crc32C.Masked(data));
        _pendingBytes += bytes;
        if (Stopwatch.GetElapsedTime(_lastFlush) > FlushAge) Flush();
    }
}
