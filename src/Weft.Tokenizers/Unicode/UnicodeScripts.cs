namespace Weft.Tokenizers;

/// <summary>The script (Latin, Han, Common ..) of a code point.</summary>
internal static class UnicodeScripts
{
    private static readonly List<(int First, int Last, string Script)> Ranges = [.. UnicodeTables.Rows("scripts")
        .Select(row => (UnicodeTables.CodePoint(row[0]), UnicodeTables.CodePoint(row[1]), row[2]))];

    /// <summary>Every script there is.</summary>
    public static IEnumerable<string> Names => Ranges.Select(range => range.Script).Distinct();

    /// <summary>The script; <c>Unknown</c> for a code point that is not assigned.</summary>
    public static string Of(int codePoint)
    {
        int low = 0;
        int high = Ranges.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            (int first, int last, string script) = Ranges[middle];
            if (codePoint < first) high = middle - 1;
            else if (codePoint > last) low = middle + 1;
            else return script;
        }
        return "Unknown";
    }
}
