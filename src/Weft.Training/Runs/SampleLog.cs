using System.Text;
using System.Text.Json;

namespace Weft.Training.Runs;

/// <summary>The samples of a run, one JSON object a line.</summary>
public static class SampleLog
{
    /// <summary>Adds a sample.</summary>
    public static void Append(string path, RunSample sample)
    {
        using MemoryStream line = new();
        using (Utf8JsonWriter writer = new(line))
        {
            writer.WriteStartObject();
            writer.WriteNumber("step", sample.Step);
            writer.WriteString("prompt", sample.Prompt);
            writer.WriteString("text", sample.Text);
            writer.WriteEndObject();
        }
        line.WriteByte((byte)'\n');
        using FileStream file = new(path, FileMode.Append);
        file.Write(line.GetBuffer().AsSpan(0, (int)line.Length));
    }

    /// <summary>Reads the samples; where a resumed run wrote a step's again, the later one counts. A torn last line is dropped.</summary>
    public static IReadOnlyList<RunSample> Read(string path)
    {
        SortedDictionary<long, RunSample> samples = [];
        if (!File.Exists(path)) return [];
        foreach (string line in File.ReadLines(path, Encoding.UTF8))
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(line);
                long step = json.RootElement.GetProperty("step").GetInt64();
                samples[step] = new RunSample(step, json.RootElement.GetProperty("prompt").GetString() ?? "", json.RootElement.GetProperty("text").GetString() ?? "");
            }
            catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
            {
                break;
            }
        }
        return [.. samples.Values];
    }
}
