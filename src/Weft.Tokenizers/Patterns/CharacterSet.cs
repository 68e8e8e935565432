using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>A set of code points, as a bracket expression or a property of a pattern names it.</summary>
internal sealed class CharacterSet
{
    private readonly Func<int, bool> _contains;

    // Answers for the basic plane, found page by page on first use. Two threads may find the same page; they find the same bits.
    private readonly ulong[]?[] _pages = new ulong[256][];

    private CharacterSet(Func<int, bool> contains) => _contains = contains;

    /// <summary>Whether a code point is in the set.</summary>
    public bool Contains(int codePoint)
    {
        if (codePoint > 0xFFFF) return _contains(codePoint);
        ulong[] page = _pages[codePoint >> 8] ?? Fill(codePoint >> 8);
        return (page[(codePoint >> 6) & 3] >> (codePoint & 63) & 1) != 0;
    }

    /// <summary>The set that a predicate describes.</summary>
    public static CharacterSet Where(Func<int, bool> contains) => new(contains);

    /// <summary>A range; both ends belong to it.</summary>
    public static CharacterSet Range(int first, int last) => new(codePoint => codePoint >= first && codePoint <= last);

    /// <summary>Everything else.</summary>
    public CharacterSet Complement() => new(codePoint => !Contains(codePoint));

    /// <summary>What is in any of the sets.</summary>
    public static CharacterSet Union(IReadOnlyList<CharacterSet> sets) =>
        sets.Count == 1 ? sets[0] : new(codePoint => sets.Any(set => set.Contains(codePoint)));

    /// <summary>What is in both.</summary>
    public CharacterSet Intersect(CharacterSet other) => new(codePoint => Contains(codePoint) && other.Contains(codePoint));

    /// <summary>The set where upper and lower case count as the same.</summary>
    public CharacterSet IgnoringCase() => new(codePoint =>
        Contains(codePoint) || Contains(Fold(codePoint)) || Contains(Upper(codePoint)) || (Fold(codePoint) == 's' && Contains(0x17F)) || (Fold(codePoint) == 'k' && Contains(0x212A)));

    /// <summary>A code point as it is compared where case is ignored; U+017F (long s) folds to s.</summary>
    public static int Fold(int codePoint) => Rune.IsValid(codePoint)
        ? Rune.ToLowerInvariant(Rune.ToUpperInvariant(new Rune(codePoint))).Value is int folded && codePoint == 0x17F ? 's' : folded
        : codePoint;

    /// <summary>A general category by its short name (<c>L</c>, <c>Lu</c>), or null.</summary>
    public static CharacterSet? Category(string name)
    {
        string[] all = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Cn"];
        // The order of System.Globalization.UnicodeCategory.
        uint chosen = 0;
        for (int i = 0; i < all.Length; i++)
            if (all[i] == name || (name.Length == 1 && all[i][0] == name[0]))
                chosen |= 1u << i;
        return chosen == 0 ? null : new(codePoint => (chosen >> (int)CharUnicodeInfo.GetUnicodeCategory(codePoint) & 1) != 0);
    }

    private static int Upper(int codePoint) => Rune.IsValid(codePoint) ? Rune.ToUpperInvariant(new Rune(codePoint)).Value : codePoint;

    private ulong[] Fill(int number)
    {
        ulong[] page = new ulong[4];
        for (int i = 0; i < 256; i++)
            if (_contains(number << 8 | i))
                page[i >> 6] |= 1UL << (i & 63);
        return _pages[number] = page;
    }
}
