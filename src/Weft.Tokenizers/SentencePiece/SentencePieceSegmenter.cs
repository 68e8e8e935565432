using System.Text;

namespace Weft.Tokenizers;

/// <summary>Cuts normalized text into the pieces of a SentencePiece model that is not a Unigram model.</summary>
internal sealed class SentencePieceSegmenter
{
    private readonly SentencePieceModel _model;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly TokenTrie _userDefined;

    /// <param name="model">The model.</param>
    /// <param name="ids">Ids of normal, user-defined and unused pieces.</param>
    /// <param name="userDefined">The user-defined pieces, which are never cut.</param>
    public SentencePieceSegmenter(SentencePieceModel model, Dictionary<string, int> ids, TokenTrie userDefined)
    {
        _model = model;
        _ids = ids;
        _lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _userDefined = userDefined;
    }

    /// <summary>Adds the pieces; unknown ones have the id -1.</summary>
    public void Segment(string text, List<PieceToken> tokens)
    {
        switch (_model.Kind)
        {
            case SentencePieceKind.Word: Words(text, tokens); break;
            case SentencePieceKind.Character: Characters(text, tokens); break;
            default: BytePairs(text, tokens); break;
        }
    }

    private int IdOf(string text, int start, int end) => _lookup.TryGetValue(text.AsSpan(start, end - start), out int id) ? id : -1;

    private void Words(string text, List<PieceToken> tokens)
    {
        int start = 0;
        for (int i = 1; i <= text.Length; i++)
        {
            bool ends = i == text.Length || (_model.WhitespaceAsSuffix ? text[i - 1] : text[i]) == SentencePieceNormalizer.Space;
            if (!ends) continue;
            tokens.Add(new PieceToken(IdOf(text, start, i), start, i));
            start = i;
        }
    }

    private void Characters(string text, List<PieceToken> tokens)
    {
        int end;
        for (int start = 0; start < text.Length; start = end)
        {
            end = start + SymbolLength(text, start, out _);
            tokens.Add(new PieceToken(IdOf(text, start, end), start, end));
        }
    }

    private int SymbolLength(string text, int start, out bool isUserDefined)
    {
        int own = _userDefined.LongestPrefix(text.AsSpan(start), out _);
        isUserDefined = own > 0;
        if (own > 0) return own;
        return char.IsHighSurrogate(text[start]) && start + 1 < text.Length ? 2 : 1;
    }

    // Joins the neighbours whose joint piece has the highest score, the leftmost among equals, until none is left.
    private void BytePairs(string text, List<PieceToken> tokens)
    {
        List<(int Start, int End, bool Frozen)> symbols = [];
        int end;
        for (int start = 0; start < text.Length; start = end)
        {
            end = start + SymbolLength(text, start, out bool frozen);
            symbols.Add((start, end, frozen));
        }
        int count = symbols.Count;
        int[] previous = new int[count];
        int[] next = new int[count];
        int[] ends = new int[count]; // -1: joined to the symbol before
        PriorityQueue<(int Left, int Right, int Length), (float, int)> agenda = new();
        Dictionary<string, (string, string)> unusedParts = new(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            previous[i] = i - 1;
            next[i] = i + 1 < count ? i + 1 : -1;
            ends[i] = symbols[i].End;
        }
        for (int i = 0; i + 1 < count; i++) Offer(i, i + 1);

        while (agenda.TryDequeue(out (int Left, int Right, int Length) top, out _))
        {
            (int left, int right, int length) = top;
            if (ends[left] < 0 || ends[right] < 0 || ends[right] - symbols[left].Start != length || next[left] != right) continue;
            ends[left] = ends[right];
            ends[right] = -1;
            next[left] = next[right];
            if (next[right] >= 0) previous[next[right]] = left;
            Offer(previous[left], left);
            Offer(left, next[left]);
        }
        for (int i = count > 0 ? 0 : -1; i >= 0; i = next[i]) AddSymbol(symbols[i].Start, ends[i]);

        void Offer(int left, int right)
        {
            if (left < 0 || right < 0 || symbols[left].Frozen || symbols[right].Frozen) return;
            int start = symbols[left].Start;
            int id = IdOf(text, start, ends[right]);
            if (id < 0) return;
            agenda.Enqueue((left, right, ends[right] - start), (-_model.Pieces[id].Score, left));
            if (_model.Pieces[id].Type == SentencePieceType.Unused)
                unusedParts[text[start..ends[right]]] = (text[start..ends[left]], text[ends[left]..ends[right]]);
        }

        // A piece that is not used is taken apart again into what it was made of.
        void AddSymbol(int start, int finish)
        {
            Stack<(int Start, int End)> open = new([(start, finish)]);
            while (open.TryPop(out (int Start, int End) symbol))
            {
                int id = IdOf(text, symbol.Start, symbol.End);
                if (id >= 0 && _model.Pieces[id].Type == SentencePieceType.Unused && unusedParts.TryGetValue(text[symbol.Start..symbol.End], out (string First, string) parts))
                {
                    open.Push((symbol.Start + parts.First.Length, symbol.End));
                    open.Push((symbol.Start, symbol.Start + parts.First.Length));
                    continue;
                }
                tokens.Add(new PieceToken(id, symbol.Start, symbol.End));
            }
        }
    }
}
