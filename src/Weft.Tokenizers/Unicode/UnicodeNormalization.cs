using System.Buffers;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>The four Unicode normalization forms, and what each result character came from.</summary>
/// <remarks>
/// Unicode Standard Annex 15. The runtime's own normalization does nothing under invariant globalization, and cannot say which
/// character became which.
/// </remarks>
internal static class UnicodeNormalization
{
    // Hangul syllables are composed by arithmetic (Unicode Standard, 3.12).
    private const int SBase = 0xAC00, LBase = 0x1100, VBase = 0x1161, TBase = 0x11A7;
    private const int LCount = 19, VCount = 21, TCount = 28, SCount = LCount * VCount * TCount;

    private static readonly SearchValues<char> Ascii = SearchValues.Create([.. Enumerable.Range(0, 128).Select(unit => (char)unit)]);
    private static readonly Dictionary<int, int[]> Canonical = [];
    private static readonly Dictionary<int, int[]> Compatibility = [];
    private static readonly Dictionary<(int, int), int> Pairs = [];
    private static readonly Dictionary<int, byte> Classes = [];

    static UnicodeNormalization()
    {
        foreach (string[] row in UnicodeTables.Rows("decompositions"))
        {
            int codePoint = UnicodeTables.CodePoint(row[0]);
            int[] parts = [.. row.Skip(2).Select(UnicodeTables.CodePoint)];
            (row[1] == "k" ? Compatibility : Canonical).Add(codePoint, parts);
            if (row[1] == "c") Pairs.Add((parts[0], parts[1]), codePoint);
        }
        foreach (string[] row in UnicodeTables.Rows("combining-classes"))
            for (int codePoint = UnicodeTables.CodePoint(row[0]); codePoint <= UnicodeTables.CodePoint(row[1]); codePoint++)
                Classes.Add(codePoint, byte.Parse(row[2], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>The canonical combining class: 0 for starters.</summary>
    public static int CombiningClass(int codePoint) => codePoint < 0x300 ? 0 : Classes.GetValueOrDefault(codePoint);

    /// <summary>Whether no form changes the text.</summary>
    public static bool IsAscii(ReadOnlySpan<char> text) => text.IndexOfAnyExcept(Ascii) < 0;

    /// <summary>Normalizes well-formed text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="compatibility">NFKC or NFKD instead of NFC or NFD.</param>
    /// <param name="compose">NFC or NFKC instead of NFD or NFKD.</param>
    public static List<CharacterEdit> Normalize(ReadOnlySpan<char> text, bool compatibility, bool compose)
    {
        List<CharacterEdit> edits = new(text.Length);
        int starter = 0; // where the run of marks begins that is still to be ordered
        List<int> parts = [];
        foreach (Rune rune in text.EnumerateRunes())
        {
            parts.Clear();
            Decompose(rune.Value, compatibility, parts);
            for (int i = 0; i < parts.Count; i++)
            {
                if (CombiningClass(parts[i]) == 0)
                {
                    Order(edits, starter);
                    starter = edits.Count + 1;
                }
                edits.Add(new CharacterEdit(parts[i], i == 0 ? 0 : 1));
            }
        }
        Order(edits, starter);
        return compose ? Compose(edits) : edits;
    }

    /// <summary>A normalized string, where the origin of its characters is of no interest.</summary>
    public static string Normalize(string text, bool compatibility, bool compose)
    {
        if (IsAscii(text)) return text;
        StringBuilder result = new(text.Length);
        foreach (CharacterEdit edit in Normalize(text.AsSpan(), compatibility, compose)) result.Append(new Rune(edit.CodePoint).ToString());
        return result.ToString();
    }

    private static void Decompose(int codePoint, bool compatibility, List<int> parts)
    {
        int syllable = codePoint - SBase;
        if (syllable is >= 0 and < SCount)
        {
            parts.Add(LBase + syllable / (VCount * TCount));
            parts.Add(VBase + syllable % (VCount * TCount) / TCount);
            if (syllable % TCount != 0) parts.Add(TBase + syllable % TCount);
        }
        else if (codePoint >= 0xA0 && (Canonical.TryGetValue(codePoint, out int[]? below) || (compatibility && Compatibility.TryGetValue(codePoint, out below))))
        {
            foreach (int part in below) Decompose(part, compatibility, parts);
        }
        else
        {
            parts.Add(codePoint);
        }
    }

    // Sorts the marks from `start` on by combining class and keeps the order of equal ones (insertion sort: runs are short,
    // and a long run of one mark is sorted already).
    private static void Order(List<CharacterEdit> edits, int start)
    {
        if (edits.Count - start < 2) return;
        if (edits.Count - start > 64)
        {
            CharacterEdit[] sorted = [.. edits.Skip(start).OrderBy(edit => CombiningClass(edit.CodePoint))];
            for (int i = 0; i < sorted.Length; i++) edits[start + i] = sorted[i];
            return;
        }
        for (int i = start + 1; i < edits.Count; i++)
        {
            CharacterEdit moved = edits[i];
            int place = i;
            for (; place > start && CombiningClass(edits[place - 1].CodePoint) > CombiningClass(moved.CodePoint); place--) edits[place] = edits[place - 1];
            edits[place] = moved;
        }
    }

    private static List<CharacterEdit> Compose(List<CharacterEdit> edits)
    {
        List<CharacterEdit> result = new(edits.Count);
        int starter = -1;  // position in result of the character that marks may join
        int lastClass = 0; // combining class of the last mark that stayed behind it; 0: none
        foreach (CharacterEdit edit in edits)
        {
            int kind = CombiningClass(edit.CodePoint);
            bool reachable = starter >= 0 && (starter == result.Count - 1 || (lastClass < kind && lastClass != 0));
            if (reachable && Pair(result[starter].CodePoint, edit.CodePoint) is int composed)
            {
                // The joined character swallows one character more, unless that one was itself inserted by decomposition.
                result[starter] = new CharacterEdit(composed, result[starter].Change + edit.Change - 1);
                continue;
            }
            if (kind == 0) starter = result.Count;
            lastClass = kind;
            result.Add(edit);
        }
        return result;
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LBase and < LBase + LCount && second is >= VBase and < VBase + VCount)
            return SBase + ((first - LBase) * VCount + (second - VBase)) * TCount;
        if (first is >= SBase and < SBase + SCount && (first - SBase) % TCount == 0 && second is > TBase and < TBase + TCount)
            return first + (second - TBase);
        return Pairs.TryGetValue((first, second), out int composed) ? composed : null;
    }
}
