using Weft.Inference.Sampling;

namespace Weft.Inference.Search;

/// <summary>Always takes the likeliest next token, for several texts side by side.</summary>
public static class GreedySearch
{
    /// <summary>Continues each prompt until it ends or has its number of tokens.</summary>
    /// <param name="model">The model, with a row for each prompt.</param>
    /// <param name="prompts">Token ids, all of one length; the model knows what of them is padding.</param>
    /// <param name="settings">The end and what changes the logits; what concerns beams is not used.</param>
    /// <returns>One text for each prompt.</returns>
    /// <exception cref="ArgumentException">The prompts are of different lengths, or a setting is out of range.</exception>
    public static FoundText[] Run(SearchModel model, IReadOnlyList<int[]> prompts, SearchSettings settings)
    {
        settings.Validate();
        int B = prompts.Count, start = SameLength(prompts), V = model.VocabularySize;
        List<int>[] texts = [.. prompts.Select(static p => new List<int>(p))];
        FoundText?[] found = new FoundText?[B];
        double[] scores = new double[B], changed = new double[V];
        for (int step = 1; found.Contains(null); step++)
        {
            double[] logits = model.Next([.. texts.SelectMany(static t => t)], B);  // [B, V]
            for (int b = 0; b < B; b++)
            {
                if (found[b] is not null)
                {
                    texts[b].Add(settings.PaddingId);
                    continue;
                }
                Span<double> row = logits.AsSpan(b * V, V);
                row.CopyTo(changed);
                foreach (LogitsProcessor processor in settings.Processors) processor.Apply(changed.AsSpan(), System.Runtime.InteropServices.CollectionsMarshal.AsSpan(texts[b]));
                int next = Largest(changed);
                scores[b] += row[next] - LogSumExp(row);
                texts[b].Add(next);
                if (settings.EndIds.Contains(next) || step == settings.MaxNewTokens) found[b] = new FoundText([.. texts[b]], texts[b].Count - start, scores[b]);
            }
        }
        return found!;
    }

    internal static int SameLength(IReadOnlyList<int[]> prompts)
    {
        if (prompts.Count == 0 || prompts[0].Length == 0) throw new ArgumentException("Search: there is no prompt.");
        if (prompts.FirstOrDefault(p => p.Length != prompts[0].Length) is { } other) throw new ArgumentException($"Search: prompts of {prompts[0].Length} and {other.Length} tokens; pad the shorter.");
        return prompts[0].Length;
    }

    /// <summary>The index of the largest number, the first of several.</summary>
    internal static int Largest(ReadOnlySpan<double> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++) if (values[i] > values[best]) best = i;
        return best;
    }

    internal static double LogSumExp(ReadOnlySpan<double> logits)
    {
        double maximum = double.NegativeInfinity, sum = 0;
        foreach (double logit in logits) maximum = Math.Max(maximum, logit);
        foreach (double logit in logits) sum += Math.Exp(logit - maximum);
        return maximum + Math.Log(sum);
    }
}
