namespace Weft.Guide.Stories;

/// <summary>Reads a story word by word and knows exactly, at every word, what may follow and how probable it is.</summary>
/// <remarks>The ideal language model of the story source: no model's expected loss is lower. Get one from <see cref="StoryGrammar.Read"/>; one reader is for one thread.</remarks>
public sealed class StoryReader
{
    private readonly StoryGrammar _grammar;
    private StateSet _states;

    internal StoryReader(StoryGrammar grammar) => (_grammar, _states) = (grammar, StateSet.Start(grammar.Model));

    /// <summary>The natural logarithm of the probability that a story begins with the words read.</summary>
    public double LogProbability => Math.Log(_states.Probability);

    /// <summary>In how many ways the grammar derives the words read. For a complete story it is 1: the grammar is unambiguous.</summary>
    public long DerivationCount => _states.DerivationCount;

    /// <summary>Whether the words read are a whole story with its line end.</summary>
    public bool IsComplete => _states.IsComplete;

    /// <summary>Reads one word (a line end is a word), or leaves the reader as it is and returns false when no story goes on with this word.</summary>
    public bool TryRead(string word)
    {
        ArgumentNullException.ThrowIfNull(word);
        if (_grammar.WordId(word) is not int id || _states.Read(id) is not StateSet next) return false;
        _states = next;
        return true;
    }

    /// <summary>The words that may follow, the most probable first. The probabilities sum to 1, or there is no word when the story is complete.</summary>
    public IReadOnlyList<StoryWord> NextWords()
    {
        double total = _states.Probability;
        return
        [
            .. _states.NextSteps()
                .GroupBy(step => step.Word)
                .Select(steps => new StoryWord(_grammar.Model.Vocabulary[steps.Key], steps.Sum(step => step.Probability) / total))
                .OrderByDescending(word => word.Probability)
                .ThenBy(word => word.Word, StringComparer.Ordinal),
        ];
    }
}

/// <summary>A word and its probability given the words before it.</summary>
/// <param name="Word">The word as <see cref="StoryGrammar.SplitWords"/> gives it: without the space before it; <c>\n</c> ends a story.</param>
/// <param name="Probability">The probability, from 0 to 1.</param>
public readonly record struct StoryWord(string Word, double Probability)
{
    /// <summary>The information in the word: its negative log probability in nats.</summary>
    public double Nats => -Math.Log(Probability);
}
