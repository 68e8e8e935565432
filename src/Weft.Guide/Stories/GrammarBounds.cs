namespace Weft.Guide.Stories;

/// <summary>What can be said about all stories without regard to agreement: the words that occur, and bounds on the length.</summary>
internal static class GrammarBounds
{
    public static IReadOnlyList<string> Vocabulary(GrammarModel model)
    {
        SortedSet<string> words = new(StringComparer.Ordinal) { StoryWords.LineEnd };
        foreach (Item item in model.Rules.SelectMany(rule => rule.Alternatives).SelectMany(alternative => alternative.Items))
        {
            if (item is WordItem word) words.Add(model.Vocabulary[word.Word]);
            if (item is SlotItem slot)
                foreach (WordItem phraseWord in Phrases(slot).SelectMany(phrase => phrase).Cast<WordItem>()) words.Add(model.Vocabulary[phraseWord.Word]);
        }
        return [.. words];
    }

    public static (int Minimum, int Maximum) WordCounts(GrammarModel model)
    {
        Dictionary<Rule, (int, int)> known = [];
        return Sequence(model.Start.Items);

        (int Minimum, int Maximum) Sequence(Item[] items)
        {
            (int minimum, int maximum) = (0, 0);
            foreach (Item item in items)
            {
                (int least, int most) = item switch
                {
                    WordItem => (1, 1),
                    SlotItem slot => (Phrases(slot).Min(phrase => phrase.Length), Phrases(slot).Max(phrase => phrase.Length)),
                    _ => OfRule(((CallItem)item).Rule),
                };
                minimum += least;
                maximum += most;
            }
            return (minimum, maximum);
        }

        (int, int) OfRule(Rule rule)
        {
            if (known.TryGetValue(rule, out (int, int) counts)) return counts;
            var all = rule.Alternatives.Select(alternative => Sequence(alternative.Items)).ToArray();
            known.Add(rule, counts = (all.Min(c => c.Minimum), all.Max(c => c.Maximum)));
            return counts;
        }
    }

    private static IEnumerable<Item[]> Phrases(SlotItem slot) =>
        Enumerable.Range(0, slot.Register.List.Count).Select(entry => slot.Register.List.Phrase(entry, slot.Feature, slot.Capital));
}
