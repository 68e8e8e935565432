using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weft.Tensors.Threading;

namespace Weft.Cli.Commands;

/// <summary>What several commands have in common.</summary>
internal static class Shared
{
    internal static Option<int?> Threads() => new("--threads") { Description = "Threads to compute with. The result does not depend on it. Default: all processors, or WEFT_THREADS." };

    internal static Option<bool> Exact() => new("--exact") { Description = "Dequantize a GGUF file's weights to float32 and compute exactly. Default: use them as they are stored, with activations rounded to eight bits." };

    /// <summary>A number of bytes such as 500MB or 2GB.</summary>
    internal static long ParseBytes(string text, string option)
    {
        string upper = text.Trim().ToUpperInvariant();
        foreach ((string unit, long factor) in ((string, long)[])[("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1), ("", 1)])
        {
            if (!upper.EndsWith(unit, StringComparison.Ordinal)) continue;
            if (double.TryParse(upper[..^unit.Length], System.Globalization.CultureInfo.InvariantCulture, out double number) && number * factor >= 1) return (long)(number * factor);
            break;
        }
        throw new UsageException($"{option} '{text}' is not a size such as 500MB or 2GB.");
    }

    internal static void SetThreads(int? threads)
    {
        if (threads is { } count) Usage(() => ForkJoin.ThreadCount = count);
    }

    /// <summary>A text that was given, or standard input for <c>-</c>.</summary>
    internal static string Input(string text) => text == "-" ? Console.In.ReadToEnd() : text;

    /// <summary>A path as it is typed in a command.</summary>
    internal static string Quoted(string path) => path.Contains(' ', StringComparison.Ordinal) ? $"\"{path}\"" : path;

    /// <summary>The beginning of a text, on one line.</summary>
    internal static string Short(string text, int length)
    {
        string line = text.ReplaceLineEndings(" ");
        return line.Length <= length ? line : line[..(length - 1)] + "…";
    }

    /// <summary>Prints JSON on standard output, indented and with characters as they are.</summary>
    internal static void PrintJson(Action<Utf8JsonWriter> write)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) write(writer);
        Console.WriteLine(Encoding.UTF8.GetString(stream.ToArray()));
    }

    /// <summary>Runs something whose argument errors are the user's: exit code 2.</summary>
    internal static void Usage(Action action)
    {
        try
        {
            action();
        }
        catch (ArgumentException exception)
        {
            throw new UsageException(exception.Message.Split(" (Parameter")[0]);
        }
    }

    /// <inheritdoc cref="Usage(Action)"/>
    internal static T Usage<T>(Func<T> function)
    {
        T result = default!;
        Usage(() => { result = function(); });
        return result;
    }
}
