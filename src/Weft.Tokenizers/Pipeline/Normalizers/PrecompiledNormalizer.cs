using System.Buffers.Binary;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>SentencePiece's compiled table of rewriting rules: a double-array trie over UTF-8 and the texts it points to.</summary>
/// <remarks>
/// Layout: u32 size of the trie in bytes, the trie (u32 units of Darts-clone), then replacement texts, each ended by a zero byte.
/// </remarks>
internal sealed class CharacterMap
{
    private readonly uint[] _units;
    private readonly byte[] _texts;

    /// <exception cref="FormatException">The bytes are not such a table.</exception>
    public CharacterMap(ReadOnlySpan<byte> blob)
    {
        if (blob.Length < 4) throw new FormatException("the character map has no header");
        uint size = BinaryPrimitives.ReadUInt32LittleEndian(blob);
        if (size % 4 != 0 || size > blob.Length - 4) throw new FormatException($"the character map says that its trie has {size} bytes, and there are {blob.Length - 4}");
        _units = new uint[size / 4];
        for (int i = 0; i < _units.Length; i++) _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(blob[(4 + i * 4)..]);
        _texts = blob[(4 + (int)size)..].ToArray();
    }

    /// <summary>The rule that applies at the beginning of <paramref name="text"/>.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="length">How many bytes the rule covers; 0: no rule applies.</param>
    /// <param name="shortest">Whether to take the shortest rule that applies, not the longest.</param>
    /// <returns>The text in its place, UTF-8.</returns>
    public ReadOnlySpan<byte> Find(ReadOnlySpan<byte> text, out int length, bool shortest = false)
    {
        length = 0;
        int value = -1;
        uint node = 0;
        if (_units.Length == 0) return [];
        node ^= Offset(_units[0]);
        for (int i = 0; i < text.Length; i++)
        {
            node ^= text[i];
            if (node >= _units.Length) break;
            uint unit = _units[node];
            // The label of a unit has its high bit set where the unit is a leaf.
            if ((unit & (1u << 31 | 0xFF)) != text[i]) break;
            node ^= Offset(unit);
            if ((unit >> 8 & 1) == 0) continue;
            if (node >= _units.Length) break;
            value = (int)(_units[node] & 0x7FFFFFFF);
            length = i + 1;
            if (shortest) break;
        }
        if (value < 0 || value >= _texts.Length)
        {
            length = 0;
            return [];
        }
        ReadOnlySpan<byte> rest = _texts.AsSpan(value);
        int end = rest.IndexOf((byte)0);
        return end < 0 ? rest : rest[..end];
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1u << 9) >> 6);
}

/// <summary>Applies a compiled table of rules the way Hugging Face does: per grapheme first, then per character.</summary>
internal sealed class PrecompiledNormalizer(CharacterMap map) : Normalizer
{
    public override AlignedText Normalize(AlignedText text)
    {
        List<CharacterEdit> edits = new(text.Length);
        bool changed = false;
        ReadOnlySpan<char> rest = text.Text;
        while (rest.Length > 0)
        {
            int length = Graphemes.NextLength(rest);
            ReadOnlySpan<char> grapheme = rest[..length];
            rest = rest[length..];
            if (Encoding.UTF8.GetByteCount(grapheme) < 6 && Transform(grapheme) is string whole)
            {
                changed = true;
                Replace(edits, grapheme, whole);
                continue;
            }
            foreach (Rune rune in grapheme.EnumerateRunes())
            {
                if (Transform(rune.ToString()) is string part)
                {
                    changed = true;
                    Replace(edits, rune.ToString(), part);
                }
                else
                {
                    edits.Add(new CharacterEdit(rune.Value, 0));
                }
            }
        }
        return changed ? Apply(text, edits) : text;
    }

    // The reference takes the shortest rule for the beginning of the chunk, and puts its text in place of the whole chunk.
    private string? Transform(ReadOnlySpan<char> chunk)
    {
        Span<byte> bytes = stackalloc byte[64];
        byte[]? large = null;
        int count = Encoding.UTF8.GetByteCount(chunk);
        if (count > bytes.Length) bytes = large = new byte[count];
        Encoding.UTF8.GetBytes(chunk, bytes);
        ReadOnlySpan<byte> result = map.Find(bytes[..count], out int length, shortest: true);
        return length == 0 ? null : Encoding.UTF8.GetString(result);
    }

    // As many edits as the longer of both has characters; a shorter result swallows the rest at its end.
    private static void Replace(List<CharacterEdit> edits, ReadOnlySpan<char> old, string replacement)
    {
        int oldCount = 0;
        foreach (Rune _ in old.EnumerateRunes()) oldCount++;
        int newCount = 0;
        foreach (Rune rune in replacement.EnumerateRunes())
        {
            edits.Add(new CharacterEdit(rune.Value, newCount < oldCount ? 0 : 1));
            newCount++;
        }
        int surplus = oldCount - newCount;
        if (surplus <= 0) return;
        if (edits.Count > 0) edits[^1] = edits[^1] with { Change = edits[^1].Change - surplus };
        else edits.Add(new CharacterEdit(-1, -surplus));
    }

    private static AlignedText Apply(AlignedText text, List<CharacterEdit> edits)
    {
        AlignedText.Builder builder = new(text, edits.Count + 8);
        foreach (CharacterEdit edit in edits)
        {
            if (edit.CodePoint >= 0)
            {
                builder.Add(edit);
                continue;
            }
            for (int i = 0; i < -edit.Change; i++) builder.Skip();
        }
        return builder.Build();
    }
}
