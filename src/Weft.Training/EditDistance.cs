namespace Weft.Training;

/// <summary>How far two words are apart: for "did you mean".</summary>
public static class EditDistance
{
    /// <summary>The fewest insertions, deletions and replacements of letters that turn one into the other, regardless of case (Levenshtein 1966).</summary>
    public static int Of(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replaced = diagonal + (char.ToUpperInvariant(a[i - 1]) == char.ToUpperInvariant(b[j - 1]) ? 0 : 1);
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, replaced));
            }
        }
        return row[^1];
    }
}
