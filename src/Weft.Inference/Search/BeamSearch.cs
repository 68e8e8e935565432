using Weft.Inference.Sampling;

namespace Weft.Inference.Search;

/// <summary>Follows the likeliest beginnings side by side and returns the likeliest texts among those that ended.</summary>
/// <remarks>
/// In each step every running text is continued by every token, and the best continuations go on; those that end are set aside with
/// their length-normalised score (Wu et al. 2016, arXiv:1609.08144, section 7, with the length to the power of the penalty). Which
/// continuations may still be set aside, and when the search stops, follow transformers' vectorised search, so that its texts and
/// scores are reproduced: one step looks at max(2, 1 + ends) · beams continuations, and only the best of them, as many as there are
/// beams, may end.
/// </remarks>
public static class BeamSearch
{
    /// <summary>Continues each prompt by a beam search of its own; all searches advance together.</summary>
    /// <param name="model">The model, with <see cref="SearchSettings.BeamCount"/> rows for each prompt, one prompt's after the other's.</param>
    /// <param name="prompts">Token ids, all of one length.</param>
    /// <param name="settings">Beams, lengths and ends.</param>
    /// <returns>For each prompt its best texts, the best first: <see cref="SearchSettings.ReturnCount"/> of them.</returns>
    /// <exception cref="ArgumentException">The prompts are of different lengths, or a setting is out of range.</exception>
    public static FoundText[][] Run(SearchModel model, IReadOnlyList<int[]> prompts, SearchSettings settings)
    {
        settings.Validate();
        int start = GreedySearch.SameLength(prompts), N = settings.BeamCount, V = model.VocabularySize;
        if ((long)N * V < Beams.KeptCount(settings)) throw new ArgumentException($"BeamSearch: {N} beams are too many for {V} tokens.");
        Beams[] searches = [.. prompts.Select(prompt => new Beams(prompt, settings))];
        bool open = true;
        for (int step = 1; open; step++)
        {
            double[] logits = model.Next([.. searches.SelectMany(static s => s.Running).SelectMany(static r => r.Ids)], searches.Length * N); // [B N, V]
            int[] rows = new int[searches.Length * N];
            for (int b = 0; b < searches.Length; b++)
            {
                int[] origins = searches[b].Step(logits.AsSpan(b * N * V, N * V), V, step, start);
                for (int i = 0; i < N; i++) rows[b * N + i] = b * N + origins[i];
            }
            // The searches stop together: when none can improve, all are full, or every continuation has ended.
            open = searches.Any(static s => s.CanImprove)
                && !(settings.Stop == BeamStop.WhenFull && searches.All(static s => s.IsFull))
                && !searches.All(static s => s.AllEnded);
            if (open) model.Reorder(rows);
        }
        return [.. searches.Select(s => s.Best(settings.ReturnCount))];
    }

    private sealed record Running(int[] Ids, double LogProbability);

    private sealed record Finished(FoundText? Text, double Score);

    private readonly record struct Continuation(int Origin, int Token, double LogProbability);

    // The search for one prompt.
    private sealed class Beams
    {
        // Stands for "impossible", as in the reference: far below any log-probability, but finite.
        private const double Impossible = -1e9;

        private readonly SearchSettings _settings;
        private List<Finished> _finished;

        internal Beams(int[] prompt, SearchSettings settings)
        {
            _settings = settings;
            // All beams begin as the prompt; but for the first they are impossible, so that the first step spreads out from one.
            Running = [.. Enumerable.Range(0, settings.BeamCount).Select(i => new Running(prompt, i == 0 ? 0 : Impossible))];
            _finished = [.. Enumerable.Repeat(new Finished(null, Impossible), settings.BeamCount)];
        }

        internal Running[] Running { get; private set; }

        /// <summary>Whether a running text may still beat the worst finished one.</summary>
        internal bool CanImprove { get; private set; } = true;

        /// <summary>Whether there are as many finished texts as beams.</summary>
        internal bool IsFull => _finished.TrueForAll(static f => f.Text is not null);

        /// <summary>Whether every continuation of the last step ended its text.</summary>
        internal bool AllEnded { get; private set; }

        internal static int KeptCount(SearchSettings settings) => Math.Max(2, 1 + settings.EndIds.Count) * settings.BeamCount;

        // One token more. Returns which running text each new one continues.
        internal int[] Step(Span<double> logits, int V, int step, int promptLength)
        {
            int N = _settings.BeamCount;
            Continuation[] best = Continuations(logits, V);
            bool[] ended = [.. best.Select(c => step == _settings.MaxNewTokens || _settings.EndIds.Contains(c.Token))];
            SetAside(best, ended, step, promptLength);
            int[] order = [.. Enumerable.Range(0, best.Length).OrderByDescending(i => best[i].LogProbability + (ended[i] ? Impossible : 0)).Take(N)];
            Running[] next = [.. order.Select(i => new Running(Extended(best[i]), best[i].LogProbability + (ended[i] ? Impossible : 0)))];
            AllEnded = Array.TrueForAll(ended, static e => e);
            int[] origins = [.. order.Select(i => best[i].Origin)];
            Running = next;
            CanImprove = CanImprove && MayImprove(step);
            return origins;
        }

        internal FoundText[] Best(int count) => [.. _finished.Take(count).Where(static f => f.Text is not null).Select(static f => f.Text!)];

        private int[] Extended(Continuation c) => [.. Running[c.Origin].Ids, c.Token];

        // The likeliest continuations of all running texts.
        private Continuation[] Continuations(Span<double> logits, int V)
        {
            for (int i = 0; i < Running.Length; i++)
            {
                Span<double> row = logits.Slice(i * V, V);
                double normalizer = GreedySearch.LogSumExp(row);
                foreach (ref double logit in row) logit -= normalizer;
                foreach (LogitsProcessor processor in _settings.Processors) processor.Apply(row, Running[i].Ids);
                foreach (ref double logit in row) logit += Running[i].LogProbability;
            }
            int kept = KeptCount(_settings);
            int[] order = new int[logits.Length];
            double[] keys = new double[logits.Length];
            for (int i = 0; i < order.Length; i++) (order[i], keys[i]) = (i, -logits[i]);
            Array.Sort(keys, order);
            Continuation[] best = new Continuation[kept];
            for (int i = 0; i < kept; i++) best[i] = new Continuation(order[i] / V, order[i] % V, logits[order[i]]);
            return best;
        }

        // Texts that end among the first N continuations join the finished ones; the best N of both stay.
        private void SetAside(Continuation[] best, bool[] ended, int step, int promptLength)
        {
            bool closed = _settings.Stop == BeamStop.WhenFull && IsFull;
            List<Finished> merged = [.. _finished];
            for (int i = 0; i < best.Length; i++)
            {
                bool counts = ended[i] && i < _settings.BeamCount;
                double score = best[i].LogProbability / Math.Pow(step, _settings.LengthPenalty);
                double weighed = score + (closed ? Impossible : 0) + (CanImprove ? 0 : Impossible) + (counts ? 0 : Impossible);
                FoundText? text = counts ? new FoundText(Extended(best[i]), Running[0].Ids.Length + 1 - promptLength, score) : null;
                merged.Add(new Finished(text, weighed));
            }
            _finished = [.. merged.OrderByDescending(static f => f.Score).Take(_settings.BeamCount)]; // a stable sort: the earlier of equals stays
        }

        // Whether the best running text, were it to end now (or at the greatest length), would beat the worst finished one.
        private bool MayImprove(int step)
        {
            int length = _settings is { Stop: BeamStop.WhenImpossible, LengthPenalty: > 0 } ? _settings.MaxNewTokens : step;
            double best = Running[0].LogProbability / Math.Pow(length, _settings.LengthPenalty), worst = _finished.Min(static f => f.Score);
            return _finished.Exists(f => best > (f.Text is null ? Impossible : worst));
        }
    }
}
