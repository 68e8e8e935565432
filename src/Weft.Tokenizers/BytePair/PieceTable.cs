using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Weft.Tokenizers;

/// <summary>Remembers the tokens of frequent pieces: one cache line holds a piece of up to 16 UTF-16 units and up to 7 tokens.</summary>
/// <remarks>
/// A piece has a first place and a second one beside it; a newcomer takes the first, and who was there moves to the second. The
/// table grows while it is too small for the text, up to 4 MiB. A table serves one thread at a time; <see cref="Pool"/>
/// hands tables from call to call, so that they stay warm. Words of up to 16 units with the space before
/// them are all but a few in a thousand of a European text; longer ones are merged anew each time.
/// </remarks>
internal sealed class PieceTable
{
    /// <summary>The longest piece that has a slot, in UTF-16 units.</summary>
    public const int LongestPiece = 16;

    /// <summary>The most tokens that a slot holds.</summary>
    public const int MostTokens = 7;

    private const int FirstSlotBits = 12, LastSlotBits = 16; // 256 KiB to 4 MiB

    [InlineArray(MostTokens)]
    private struct Ids
    {
        public int First;
    }

    // 32 + 4 + 28 bytes.
    private struct Slot
    {
        public Vector256<ushort> Piece; // zeros behind its end
        public ushort Length, TokenCount; // a length of 0: nothing is here
        public Ids Tokens;
    }

    private static readonly Vector256<ushort> s_positions = Vector256<ushort>.Indices;
    private Slot[] _slots = new Slot[1 << FirstSlotBits];
    private int _shift = 64 - FirstSlotBits, _newcomers;

    /// <summary>Looks a piece up; where it is known, writes its tokens to the front of <paramref name="ids"/>.</summary>
    /// <param name="text">The whole text.</param>
    /// <param name="start">Where the piece begins.</param>
    /// <param name="length">Its length, 1 to <see cref="LongestPiece"/>.</param>
    /// <param name="ids">Room for <see cref="MostTokens"/>; what lies behind the tokens may be overwritten.</param>
    /// <returns>The number of tokens; -1 where the piece is not known.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(ReadOnlySpan<char> text, int start, int length, Span<int> ids)
    {
        Vector256<ushort> piece = Load(text, start, length);
        int index = Index(piece);
        ref Slot slot = ref _slots[index];
        if (slot.Length != length || slot.Piece != piece)
        {
            slot = ref _slots[index ^ 1];
            if (slot.Length != length || slot.Piece != piece) return -1;
        }
        ((ReadOnlySpan<int>)slot.Tokens).CopyTo(ids);
        return slot.TokenCount;
    }

    /// <summary>Remembers a piece, if it and its tokens fit.</summary>
    public void Add(ReadOnlySpan<char> text, int start, int length, ReadOnlySpan<int> ids)
    {
        if (ids.Length > MostTokens) return;
        if (++_newcomers > _slots.Length && _slots.Length < 1 << LastSlotBits) Grow();
        Vector256<ushort> piece = Load(text, start, length);
        int index = Index(piece);
        ref Slot slot = ref _slots[index];
        if (slot.Length > 0) _slots[index ^ 1] = slot;
        (slot.Piece, slot.Length, slot.TokenCount) = (piece, (ushort)length, (ushort)ids.Length);
        ids.CopyTo(slot.Tokens);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ushort> Load(ReadOnlySpan<char> text, int start, int length)
    {
        ref ushort first = ref Unsafe.As<char, ushort>(ref MemoryMarshal.GetReference(text));
        if (start + LongestPiece <= text.Length)
            return Vector256.LoadUnsafe(ref first, (nuint)start) & Vector256.LessThan(s_positions, Vector256.Create((ushort)length));
        Vector256<ushort> end = default; // near the end of the text: no reading past it
        text.Slice(start, length).CopyTo(MemoryMarshal.Cast<Vector256<ushort>, char>(new Span<Vector256<ushort>>(ref end)));
        return end;
    }

    // Four 64-bit lanes, each multiplied with an odd constant of its own (digits of pi), folded, and the high bits of a last product.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Index(Vector256<ushort> piece)
    {
        Vector256<ulong> lanes = piece.AsUInt64();
        ulong mixed = (lanes[0] * 0x243F6A8885A308D3) ^ BitOperations.RotateLeft(lanes[1] * 0x13198A2E03707345, 23) ^ (lanes[2] * 0xA4093822299F31D1) ^ BitOperations.RotateLeft(lanes[3] * 0x082EFA98EC4E6C89, 31);
        return (int)(((mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15) >> _shift);
    }

    // More pieces came than there are slots: four times the room. Of two that meet there, one is learned again.
    private void Grow()
    {
        Slot[] old = _slots;
        _slots = new Slot[old.Length * 4];
        (_shift, _newcomers) = (_shift - 2, 0);
        foreach (ref Slot slot in old.AsSpan())
            if (slot.Length > 0) _slots[Index(slot.Piece)] = slot;
    }

    // ---- From call to call ----------------------------------------------------------------------------------------------

    /// <summary>Where a tokenizer keeps the tables that nobody uses.</summary>
    internal sealed class Pool
    {
        private readonly PieceTable?[] _idle = new PieceTable?[Environment.ProcessorCount];

        /// <summary>A table that is this thread's until it is returned.</summary>
        public PieceTable Rent()
        {
            for (int i = 0; i < _idle.Length; i++)
                if (_idle[i] is not null && Interlocked.Exchange(ref _idle[i], null) is { } table) return table;
            return new PieceTable();
        }

        /// <summary>Gives a table back; where all places are taken, it is dropped.</summary>
        public void Return(PieceTable table)
        {
            for (int i = 0; i < _idle.Length; i++)
                if (_idle[i] is null && Interlocked.CompareExchange(ref _idle[i], table, null) is null) return;
        }
    }
}
