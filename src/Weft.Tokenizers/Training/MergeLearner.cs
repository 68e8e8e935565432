using System.Runtime.InteropServices;

namespace Weft.Tokenizers;

/// <summary>Learns merges: again and again joins the most frequent pair of neighbouring tokens.</summary>
/// <remarks>
/// Sennrich et al. 2016, arXiv:1508.07909, algorithm 1. Among pairs of equal count the one with the smallest (left id, right id)
/// merges first, as in Hugging Face's trainer, whose bookkeeping is followed exactly, down to the case in which two different merges
/// give the same token: a pair keeps the count that it had left after it merged, and an offer covers only the words found for it.
/// Counts are kept up to date for the words that a merge touches, so that the cost follows the number of changes, not the corpus.
/// </remarks>
internal sealed class MergeLearner
{
    private readonly List<string> _tokens;
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly List<int> _lengths = []; // by token id: number of initial tokens that it covers
    private readonly List<int[]> _words = []; // tokens of a word; only the first _wordLengths are alive
    private readonly List<int> _wordLengths = [];
    private readonly List<long> _wordCounts = [];
    private readonly Dictionary<ulong, long> _pairCounts = [];
    private readonly PriorityQueue<Offer, Offer> _offers = new(Comparer<Offer>.Create(Offer.Compare));
    private readonly Dictionary<ulong, List<int>> _found = []; // words in which the current merge made a new pair
    private readonly string _continuingPrefix;
    private readonly int _maximumLength;

    /// <param name="tokens">The tokens there are before the first merge, by id.</param>
    /// <param name="continuingPrefix">Marks tokens inside a word, such as <c>##</c>; taken off the right token of a merge.</param>
    /// <param name="maximumLength">A merge is made only if it covers fewer characters.</param>
    public MergeLearner(IEnumerable<string> tokens, string continuingPrefix = "", int maximumLength = int.MaxValue)
    {
        _tokens = [.. tokens];
        for (int id = 0; id < _tokens.Count; id++)
        {
            _ids[_tokens[id]] = id;
            _lengths.Add(1);
        }
        _continuingPrefix = continuingPrefix;
        _maximumLength = maximumLength;
    }

    // A pair that may merge, with its count when it was offered and the words in which it was found.
    private readonly record struct Offer(long Count, ulong Pair, List<int> Words)
    {
        public static int Compare(Offer a, Offer b) => a.Count != b.Count ? b.Count.CompareTo(a.Count) : a.Pair.CompareTo(b.Pair);
    }

    /// <summary>All tokens by id, those that merges made included.</summary>
    public IReadOnlyList<string> Tokens => _tokens;

    /// <summary>The merges in the order in which they were learned.</summary>
    public List<(int Left, int Right, int Id)> Merges { get; } = [];

    /// <summary>Adds a word of the corpus.</summary>
    /// <param name="tokens">Its tokens; the learner owns the array from here on.</param>
    /// <param name="count">How often it occurs.</param>
    public void AddWord(int[] tokens, long count)
    {
        _words.Add(tokens);
        _wordLengths.Add(tokens.Length);
        _wordCounts.Add(count);
    }

    /// <summary>Merges until there are enough tokens, or no pair is frequent enough.</summary>
    public void Learn(int vocabularySize, long minimumFrequency, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        OfferAllPairs();
        while (_tokens.Count < vocabularySize && _offers.TryDequeue(out Offer top, out _))
        {
            cancellation.ThrowIfCancellationRequested();
            long count = _pairCounts[top.Pair];
            if (count != top.Count)
            {
                // Offered when it was more frequent: it goes back to where it belongs now.
                Offer again = top with { Count = count };
                _offers.Enqueue(again, again);
                continue;
            }
            if (count < 1 || count < minimumFrequency) break;

            int left = (int)(top.Pair >> 32);
            int right = (int)(uint)top.Pair;
            int merged = TokenFor(left, right);
            Merges.Add((left, right, merged));
            foreach (int word in top.Words) MergeInWord(word, left, right, merged);
            OfferFoundPairs();
            if (Merges.Count % 256 == 0) progress?.Report(new("learning merges", _tokens.Count, vocabularySize));
        }
        progress?.Report(new("learning merges", _tokens.Count, vocabularySize));
    }

    private int TokenFor(int left, int right)
    {
        string end = _tokens[right];
        if (_continuingPrefix.Length > 0 && end.StartsWith(_continuingPrefix, StringComparison.Ordinal)) end = end[_continuingPrefix.Length..];
        string token = _tokens[left] + end;
        if (_ids.TryGetValue(token, out int known)) return known;
        _ids[token] = _tokens.Count;
        _tokens.Add(token);
        _lengths.Add(_lengths[left] + _lengths[right]);
        return _tokens.Count - 1;
    }

    private void OfferAllPairs()
    {
        for (int word = 0; word < _words.Count; word++)
        {
            int[] tokens = _words[word];
            for (int i = 0; i + 1 < tokens.Length; i++) Count(tokens[i], tokens[i + 1], _wordCounts[word], word);
        }
        OfferFoundPairs();
    }

    private void OfferFoundPairs()
    {
        foreach ((ulong pair, List<int> words) in _found)
        {
            if (_pairCounts[pair] <= 0) continue;
            Offer offer = new(_pairCounts[pair], pair, words);
            _offers.Enqueue(offer, offer);
        }
        _found.Clear();
    }

    private void MergeInWord(int word, int left, int right, int merged)
    {
        int[] tokens = _words[word];
        int length = _wordLengths[word];
        long count = _wordCounts[word];
        int written = 0;
        for (int read = 0; read < length; written++)
        {
            if (tokens[read] != left || read + 1 >= length || tokens[read + 1] != right)
            {
                tokens[written] = tokens[read++];
                continue;
            }
            read += 2;
            tokens[written] = merged;
            if (written > 0)
            {
                int before = tokens[written - 1];
                Count(before, left, -count, word);
                if (_lengths[before] + _lengths[merged] < _maximumLength) Count(before, merged, count, word);
            }
            if (read < length)
            {
                int after = tokens[read];
                Count(right, after, -count, word);
                if (_lengths[after] + _lengths[merged] < _maximumLength) Count(merged, after, count, word);
            }
        }
        _wordLengths[word] = written;
    }

    private void Count(int left, int right, long change, int word)
    {
        ulong pair = (ulong)(uint)left << 32 | (uint)right;
        CollectionsMarshal.GetValueRefOrAddDefault(_pairCounts, pair, out _) += change;
        if (change <= 0) return;
        ref List<int>? words = ref CollectionsMarshal.GetValueRefOrAddDefault(_found, pair, out _);
        words ??= [];
        // Words come one after the other, so a repetition can only be the last one.
        if (words.Count == 0 || words[^1] != word) words.Add(word);
    }
}
