using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using Weft.Cli.Terminal;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;

namespace Weft.Cli.Commands;

/// <summary><c>weft inspect</c>: what a file of tensors holds.</summary>
internal static class InspectCommand
{
    private sealed record Item(string Name, string Type, int[] Shape, long Bytes, long Elements, Action<Span<float>> Read);

    internal static Command Create()
    {
        Argument<string> file = new("file") { Description = "A GGUF or safetensors file (the first part of a split one), a model's folder, or ORG/NAME." };
        Option<string?> tensor = new("--tensor") { Description = "Show the values of the tensors whose name contains this: range, mean, deviation, histogram." };
        Option<bool> metadata = new("--metadata") { Description = "Show every metadata value whole." };
        Command command = new("inspect", "Show the tensors, types and metadata of a GGUF or safetensors file.") { file, tensor, metadata };
        command.SetAction(parsed => Show(PullDisplay.Resolve(parsed.GetValue(file)!), parsed.GetValue(tensor), parsed.GetValue(metadata)));
        return command.WithExamples("weft inspect model.gguf", "weft inspect model.safetensors --tensor attn", "weft inspect model.gguf --metadata");
    }

    private static int Show(string path, string? tensor, bool metadata)
    {
        if (File.Exists(path) && GgufFile.HasMagic(path))
        {
            using GgufFile file = GgufFile.Open(path);
            Item[] items = [.. file.Entries.Values.Select(e => new Item(e.Name, e.Type.ToString(), e.Shape, e.ByteLength, e.ElementCount, span => file.ReadAsSingle(e, span)))];
            Summary($"GGUF, version {file.Version}, {file.Paths.Count} file{(file.Paths.Count == 1 ? "" : "s")}", file.ByteLength, items);
            Metadata(file.Metadata.Select(static m => (m.Key, m.Value.ToString())), metadata);
            return Tensors(items, tensor);
        }
        if (!Path.Exists(path)) throw new FileNotFoundException($"{path}: there is no such file or folder.");
        if (File.Exists(path) && Path.GetExtension(path) is not (".safetensors" or ".json")) throw new UsageException($"{path} does not begin as GGUF files do and is not called .safetensors: weft inspect shows these two.");
        using SafetensorsSet set = SafetensorsSet.Open(path);
        Item[] all = [.. set.Entries.Values.Select(e => new Item(e.Name, e.Type.FormatName(), e.Shape.ToArray(), e.ByteLength, e.ElementCount, span => set.ReadAsSingle(e, span)))];
        Summary($"safetensors, {set.Files.Count} file{(set.Files.Count == 1 ? "" : "s")}", set.Files.Sum(static f => new FileInfo(f.Path).Length), all);
        Metadata(set.Files.SelectMany(static f => f.Metadata).Select(static m => (m.Key, m.Value)).Distinct(), metadata);
        return Tensors(all, tensor);
    }

    private static void Summary(string format, long bytes, Item[] items)
    {
        long elements = items.Sum(static i => i.Elements);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{format}: {items.Length:N0} tensors, {elements:N0} elements, {PullDisplay.Size(bytes)}{(elements > 0 ? $", {8.0 * items.Sum(static i => i.Bytes) / elements:F2} bits per element" : "")}"));
        Table table = NewTable("type", "tensors", "elements", "bytes");
        foreach (IGrouping<string, Item> group in items.GroupBy(static i => i.Type).OrderByDescending(static g => g.Sum(static i => i.Bytes)))
            table.AddRow(group.Key, $"{group.Count()}", group.Sum(static i => i.Elements).ToString("N0", CultureInfo.InvariantCulture), PullDisplay.Size(group.Sum(static i => i.Bytes)));
        AnsiConsole.Write(table);
    }

    private static void Metadata(IEnumerable<(string Key, string Value)> values, bool whole)
    {
        const int Most = 100;
        (string Key, string Value)[] all = [.. values];
        if (all.Length == 0) return;
        Table table = NewTable("metadata", "value");
        foreach ((string key, string value) in all)
        {
            string shown = whole || value.Length <= Most ? value : value[..Most] + "…";
            table.AddRow(Markup.Escape(key), Markup.Escape(string.Concat(shown.Select(static c => c == '\n' ? '⏎' : char.IsControl(c) ? '?' : c))));
        }
        AnsiConsole.Write(table);
    }

    private static int Tensors(Item[] items, string? pattern)
    {
        if (pattern is null)
        {
            Table table = NewTable("tensor", "type", "shape", "bytes");
            foreach (Item item in items) table.AddRow(Markup.Escape(item.Name), item.Type, Markup.Escape($"[{string.Join(", ", item.Shape)}]"), PullDisplay.Size(item.Bytes));
            AnsiConsole.Write(table);
            return 0;
        }
        Item[] chosen = [.. items.Where(i => i.Name.Contains(pattern, StringComparison.OrdinalIgnoreCase))];
        if (chosen.Length == 0) throw new UsageException($"No tensor's name contains '{pattern}'.");
        foreach (Item item in chosen) Values(item);
        return 0;
    }

    private static void Values(Item item)
    {
        const int Bins = 16, Width = 50;
        float[] values = new float[item.Elements];
        item.Read(values);
        double minimum = double.PositiveInfinity, maximum = double.NegativeInfinity, sum = 0, squares = 0;
        long zeros = 0, odd = 0;
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                odd++;
                continue;
            }
            (minimum, maximum) = (Math.Min(minimum, value), Math.Max(maximum, value));
            sum += value;
            squares += (double)value * value;
            if (value == 0) zeros++;
        }
        long count = Math.Max(1, values.Length - odd);
        double mean = sum / count, deviation = Math.Sqrt(Math.Max(0, squares / count - mean * mean));
        Console.WriteLine();
        Console.WriteLine($"{item.Name} {item.Type} [{string.Join(", ", item.Shape)}]");
        if (values.Length == odd)
        {
            Console.WriteLine($"  {odd} values, none finite");
            return;
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  from {minimum:G6} to {maximum:G6}, mean {mean:G6}, deviation {deviation:G6}, zeros {(double)zeros / count:P2}{(odd > 0 ? $", {odd} not finite" : "")}"));
        long[] bins = new long[Bins];
        double width = (maximum - minimum) / Bins;
        foreach (float value in values) if (float.IsFinite(value)) bins[width > 0 ? Math.Clamp((int)((value - minimum) / width), 0, Bins - 1) : 0]++;
        long largest = bins.Max();
        for (int b = 0; b < Bins && width > 0; b++)
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {minimum + b * width,12:G5} {new string('#', (int)(bins[b] * Width / largest)),-Width} {(double)bins[b] / count:P2}"));
    }

    private static Table NewTable(params string[] columns)
    {
        Table table = new() { Border = TableBorder.Rounded };
        foreach (string column in columns) table.AddColumn(new TableColumn(column) { Alignment = column is "bytes" or "elements" or "tensors" ? Justify.Right : Justify.Left });
        return table;
    }
}
