using System.Globalization;
using System.Reflection;

namespace Weft.Tokenizers;

/// <summary>Reads the tables of Unicode properties that are embedded in this assembly as text.</summary>
internal static class UnicodeTables
{
    /// <summary>The rows of a table, split at spaces; comments are left out.</summary>
    public static IEnumerable<string[]> Rows(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Weft.Tokenizers.Unicode.{name}.txt")
            ?? throw new InvalidOperationException($"The table {name} is not embedded.");
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is string line)
            if (line.Length > 0 && line[0] != '#')
                yield return line.Split(' ');
    }

    /// <summary>A hexadecimal code point.</summary>
    public static int CodePoint(string field) => int.Parse(field, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
