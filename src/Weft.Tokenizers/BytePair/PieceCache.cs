namespace Weft.Tokenizers;

/// <summary>Remembers the tokens of frequent pieces. Any number of threads may read and write it without locks.</summary>
/// <remarks>
/// Each slot holds one immutable entry, and reading or writing a reference is atomic: a race can lose an entry, never mix two.
/// </remarks>
internal sealed class PieceCache
{
    // 2^15 slots hold nearly all distinct words of a book; longer pieces are rare and not worth their memory.
    private const int SlotCount = 1 << 15;
    private const int LongestPiece = 32;

    private readonly Entry?[] _slots = new Entry?[SlotCount];

    private sealed record Entry(string Piece, int[] Ids);

    public bool TryGet(ReadOnlySpan<char> piece, out ReadOnlySpan<int> ids)
    {
        Entry? entry = piece.Length <= LongestPiece ? _slots[Slot(piece)] : null;
        bool found = entry is not null && piece.SequenceEqual(entry.Piece);
        ids = found ? entry!.Ids : [];
        return found;
    }

    public void Add(ReadOnlySpan<char> piece, ReadOnlySpan<int> ids)
    {
        if (piece.Length <= LongestPiece) _slots[Slot(piece)] = new Entry(piece.ToString(), ids.ToArray());
    }

    private static int Slot(ReadOnlySpan<char> piece) => string.GetHashCode(piece) & (SlotCount - 1);
}
