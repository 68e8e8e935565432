using System.Runtime.InteropServices;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Learns a Unigram model: begins with far too many pieces, and takes away those that are missed least.</summary>
/// <remarks>Kudo 2018, arXiv:1804.10959, section 3.2; constants and shortcuts as in SentencePiece and Hugging Face's trainer.</remarks>
internal sealed class UnigramLearner(UnigramVocabularyConfig config, WordCounts words)
{
    // A piece that is expected less often than this is dropped (SentencePiece's kExpectedFrequencyThreshold).
    private const double LeastExpected = 0.5;

    private const int PartCount = 8;

    private readonly List<(string Text, long Count)> _words = [.. words.Items.Select(word => (word.Key, word.Value))];

    // While learning, id 0 is the unknown character.
    private sealed record Piece(string Text, double Score);

    public (List<(string Token, double Score)> Tokens, int? UnknownId) Learn(IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        List<Piece> pieces = [new Piece("", 0), .. Seeds()];
        int target = config.VocabularySize * 11 / 10;
        UnigramModel model = Model(pieces);
        while (true)
        {
            for (int i = 0; i < config.SubIterationCount; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                pieces = Maximize(pieces, Expect(model, pieces.Count));
                model = Model(pieces);
            }
            progress?.Report(new("pruning pieces", pieces.Count, target));
            if (pieces.Count <= target) break;
            int before = pieces.Count;
            pieces = Prune(model, pieces, target);
            model = Model(pieces);
            if (pieces.Count == before) break;
        }
        return Finish(pieces);
    }

    private static UnigramModel Model(List<Piece> pieces) =>
        new([.. pieces.Select((piece, id) => (piece.Text, id == 0 ? 0 : piece.Score))], 0, byteFallback: false, pieces.Skip(1).Select(piece => piece.Score).DefaultIfEmpty(0).Min());

    // All characters, and all texts that occur at least twice with different things behind them, scored by the text that they cover.
    private IEnumerable<Piece> Seeds()
    {
        Dictionary<string, long> characters = new(StringComparer.Ordinal);
        Dictionary<string, (int Count, int Next)> found = new(StringComparer.Ordinal); // Next: what stood behind it, or -2 for several
        Dictionary<string, (int Count, int Next)>.AlternateLookup<ReadOnlySpan<char>> lookup = found.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach ((string text, long count) in _words)
        {
            int[] places = Places(text);
            for (int first = 0; first + 1 < places.Length; first++)
            {
                string character = text[places[first]..places[first + 1]];
                characters[character] = characters.GetValueOrDefault(character) + count;
                for (int last = first + 2; last < places.Length && last - first <= config.MaximumPieceLength; last++)
                {
                    int next = places[last] < text.Length ? text[places[last]] : -1;
                    ref (int Count, int Next) entry = ref CollectionsMarshal.GetValueRefOrAddDefault(lookup, text.AsSpan(places[first]..places[last]), out bool known);
                    entry = (entry.Count + 1, !known || entry.Next == next ? next : -2);
                }
            }
        }
        List<Piece> seeds = [.. characters.OrderByDescending(entry => entry.Value).ThenBy(entry => entry.Key, CodePointComparer.Instance).Select(entry => new Piece(entry.Key, entry.Value))];
        seeds.AddRange(found.Where(entry => entry.Value.Count > 1 && entry.Value.Next == -2)
            .Select(entry => new Piece(entry.Key, (double)entry.Value.Count * Places(entry.Key).Length - entry.Value.Count))
            .OrderByDescending(piece => piece.Score).ThenBy(piece => piece.Text, CodePointComparer.Instance)
            .Take(Math.Max(0, config.SeedSize - seeds.Count)));
        double logSum = Math.Log(seeds.Sum(piece => piece.Score));
        return seeds.Select(piece => piece with { Score = Math.Log(piece.Score) - logSum });
    }

    // Where characters begin, and the end.
    private static int[] Places(string text)
    {
        List<int> places = new(text.Length + 1);
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            places.Add(at);
            at += rune.Utf16SequenceLength;
        }
        places.Add(at);
        return [.. places];
    }

    // How often each piece is expected to be used. The words are cut into parts whose number does not depend on the machine, and
    // their sums are added in order, so that the result does not either.
    private double[] Expect(UnigramModel model, int pieceCount)
    {
        double[][] parts = new double[PartCount][];
        Parallel.For(0, PartCount, part =>
        {
            double[] expected = parts[part] = new double[pieceCount];
            double[] probabilities = [];
            UnigramLattice lattice = new();
            for (int word = part; word < _words.Count; word += PartCount)
            {
                (string text, long count) = _words[word];
                lattice.Read(model, text, 0);
                ReadOnlySpan<UnigramLattice.Node> nodes = lattice.Nodes;
                if (probabilities.Length < nodes.Length) probabilities = new double[nodes.Length * 2];
                lattice.Marginals(probabilities);
                for (int n = 0; n < nodes.Length; n++) expected[nodes[n].Id] += probabilities[n] * count;
            }
        });
        double[] sum = parts[0];
        for (int part = 1; part < PartCount; part++)
            for (int id = 0; id < pieceCount; id++) sum[id] += parts[part][id];
        return sum;
    }

    // Bayesian maximization: digamma in place of the logarithm makes rare pieces rarer.
    private static List<Piece> Maximize(List<Piece> pieces, double[] expected)
    {
        List<Piece> kept = [pieces[0]];
        double sum = 0;
        for (int id = 1; id < pieces.Count; id++)
        {
            if (expected[id] < LeastExpected) continue;
            kept.Add(pieces[id] with { Score = expected[id] });
            sum += expected[id];
        }
        double logSum = Digamma(sum);
        for (int id = 1; id < kept.Count; id++) kept[id] = kept[id] with { Score = Digamma(kept[id].Score) - logSum };
        return kept;
    }

    private List<Piece> Prune(UnigramModel model, List<Piece> pieces, int target)
    {
        bool[] keep = new bool[pieces.Count];
        int[][] alternatives = new int[pieces.Count][];
        Parallel.For(1, pieces.Count, id =>
        {
            // How the piece would be cut if it were not there: its second best path.
            alternatives[id] = [];
            List<(double, int[] Ids)> best = new UnigramLattice(model, pieces[id].Text, 0).Best(2);
            keep[id] = best.Count == 1 || best[0].Ids.Length == 1;
            if (best.Count > 1 && best[0].Ids.Length == 1) alternatives[id] = best[1].Ids;
        });

        double wordCount = 0;
        double[] frequency = new double[pieces.Count];
        double[] containing = new double[pieces.Count]; // words, by count, once for each use of the piece
        List<PieceToken> path = [];
        foreach ((string text, long count) in _words)
        {
            wordCount += count;
            path.Clear();
            model.Best(text, path, fuseUnknown: false);
            foreach (PieceToken token in path)
            {
                int id = Math.Max(0, token.Id);
                frequency[id] += count;
                containing[id] += count;
            }
        }

        double sum = frequency.Sum();
        double logSum = Math.Log(sum);
        List<Piece> kept = [pieces[0]];
        List<(int Id, double Loss)> candidates = [];
        for (int id = 1; id < pieces.Count; id++)
        {
            if (frequency[id] == 0 && !keep[id]) continue;
            if (alternatives[id].Length == 0)
            {
                kept.Add(pieces[id]);
                continue;
            }
            if (containing[id] == 0) continue;
            double share = containing[id] / wordCount;
            double with = Math.Log(frequency[id]) - logSum;
            double logSumWithout = Math.Log(sum + frequency[id] * (alternatives[id].Length - 1));
            double without = alternatives[id].Sum(other => Math.Log(frequency[other] + frequency[id]) - logSumWithout);
            candidates.Add((id, share * (with - without)));
        }
        int size = Math.Max(target, (int)(pieces.Count * config.ShrinkingFactor));
        foreach ((int id, _) in candidates.OrderByDescending(candidate => candidate.Loss))
        {
            if (kept.Count >= size) break;
            kept.Add(pieces[id]);
        }
        return kept;
    }

    // Every character of the corpus stays; the best pieces fill the rest.
    private (List<(string, double)>, int?) Finish(List<Piece> pieces)
    {
        Dictionary<string, double> scores = new(StringComparer.Ordinal);
        foreach (Piece piece in pieces.Skip(1)) scores[piece.Text] = piece.Score;
        double least = scores.Values.DefaultIfEmpty(0).Min();
        SortedSet<string> required = new(CodePointComparer.Instance);
        foreach ((string text, _) in _words)
            foreach (Rune rune in text.EnumerateRunes())
                required.Add(rune.ToString());
        foreach (string initial in config.InitialAlphabet)
            if (Rune.TryGetRuneAt(initial, 0, out Rune rune))
                required.Add(rune.ToString());

        List<(string Text, double Score)> chosen = [];
        double penalty = 0;
        foreach (string character in required)
        {
            if (scores.TryGetValue(character, out double score))
            {
                chosen.Add((character, score));
                continue;
            }
            chosen.Add((character, least + penalty));
            penalty += 0.0001; // keeps equal scores apart
        }
        int special = config.SpecialTokens.Count;
        int unknown = config.UnknownToken is null ? -1 : config.SpecialTokens.ToList().IndexOf(config.UnknownToken);
        bool addsUnknown = config.UnknownToken is not null && unknown < 0;
        int room = config.VocabularySize - special - (addsUnknown ? 1 : 0);
        foreach (Piece piece in pieces.Skip(1))
        {
            if (chosen.Count >= room) break;
            if (!required.Contains(piece.Text)) chosen.Add((piece.Text, piece.Score));
        }
        List<(string, double)> tokens = [];
        if (addsUnknown) tokens.Add((config.UnknownToken!, 0));
        tokens.AddRange(config.SpecialTokens.Select(token => (token, 0.0)));
        tokens.AddRange(chosen.OrderByDescending(piece => piece.Score));
        return (tokens, config.UnknownToken is null ? null : Math.Max(0, unknown));
    }

    // The derivative of log gamma (Abramowitz and Stegun 6.3.5 and 6.3.18).
    private static double Digamma(double x)
    {
        double result = 0;
        for (; x < 7; x++) result -= 1 / x;
        x -= 0.5;
        double inverse = 1 / x;
        double square = inverse * inverse;
        return result + Math.Log(x) + square * (1.0 / 24 - square * (7.0 / 960 - square * (31.0 / 8064 - square * 127.0 / 30720)));
    }
}
