namespace Weft.Tokenizers;

/// <summary>Orders texts by code points, as UTF-8 orders them; UTF-16 puts characters beyond U+FFFF too early.</summary>
internal sealed class CodePointComparer : IComparer<string>
{
    public static CodePointComparer Instance { get; } = new();

    public int Compare(string? a, string? b)
    {
        if (a is null || b is null) return (a is null ? 0 : 1) - (b is null ? 0 : 1);
        int i = 0;
        while (i < a.Length && i < b.Length && a[i] == b[i]) i++;
        if (i == a.Length || i == b.Length) return a.Length.CompareTo(b.Length);
        bool high = char.IsSurrogate(a[i]);
        return high != char.IsSurrogate(b[i]) ? high ? 1 : -1 : a[i].CompareTo(b[i]);
    }
}
