namespace Weft.Guide.Stories;

/// <summary>Judges sentences and stories by the grammar, and says in words what is wrong with them.</summary>
/// <remarks>
/// A sentence of a story is grammatical when some sentence rule writes it and it agrees with every fact that the story has settled: who
/// the hero is, whether that is a he or a she, what was lost and what colour it had. After a fault the examination goes on with the facts
/// that stood before it, so that one wrong word costs one sentence. Immutable; for any number of threads.
/// </remarks>
public sealed class StoryRecognizer
{
    private const int NamedAlternatives = 3;
    private readonly StoryGrammar _grammar;
    private readonly Frame[] _sentencesAlone;
    private readonly Frame[] _sentencesInStories;

    /// <summary>A recogniser for a grammar.</summary>
    public StoryRecognizer(StoryGrammar grammar)
    {
        ArgumentNullException.ThrowIfNull(grammar);
        _grammar = grammar;
        _sentencesInStories = [.. SentenceFrames(grammar.Model.Start)];
        _sentencesAlone = [.. grammar.Model.Rules.Where(rule => rule.IsSentence).Select(rule => Frame.Of([new CallItem(rule)], 0, null)!)];
    }

    /// <summary>Whether this is a sentence of the language in itself, in some story: agreement counts within the sentence only.</summary>
    public bool IsGrammatical(string sentence)
    {
        ArgumentNullException.ThrowIfNull(sentence);
        return IsGrammaticalAlone(StoryWords.Split(sentence));
    }

    /// <summary>Whether this is a whole story of the language (its line end may be given or not).</summary>
    public bool IsStory(string story) => !double.IsNegativeInfinity(_grammar.LogProbability(story));

    /// <summary>Examines a text of stories, such as a sample from a model. It should begin where a story begins; it may end anywhere.</summary>
    public StoryReport Examine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<StorySentence> sentences = [];
        int ended = 0;
        int whole = 0;
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            bool isEnded = i < lines.Length - 1;
            if (isEnded) ended++;
            if (ExamineStory(lines[i], i + 1, isEnded, sentences)) whole++;
        }
        return new StoryReport(sentences, ended, whole);
    }

    // Returns whether the line is a whole story with its line end.
    private bool ExamineStory(string line, int number, bool isEnded, List<StorySentence> sentences)
    {
        StateSet? states = StateSet.Start(_grammar.Model);
        List<int[]> facts = [_grammar.Model.NewRegisters()];
        List<List<string>> all = SplitSentences(StoryWords.Split(line));
        for (int i = 0; i < all.Count; i++)
        {
            List<string> words = all[i];
            bool isLast = i == all.Count - 1;
            if (isLast && !isEnded && !StoryWords.EndsSentence(words[^1])) return false; // cut off: no sentence yet

            string? fault = null;
            StateSet? next = states is null ? null : ReadAll(states, words, out fault);
            bool isInPlace = next is not null;
            if (next is null)
            {
                // Not the next sentence of this story, but perhaps a sentence that agrees with it.
                string? anywhere = null;
                next = ReadAll(StateSet.Open(_grammar.Model, _sentencesInStories, facts), words, out anywhere);
                fault = next is null ? fault ?? anywhere : null;
            }
            if (isLast && isEnded && next is not null && (_grammar.WordId(StoryWords.LineEnd) is not int end || next.Read(end) is null))
            {
                isInPlace = false;
                if (!IsGrammaticalAlone(words)) fault = $"the sentence is not finished at '{words[^1].Trim()}'";
            }
            sentences.Add(new StorySentence(StoryWords.Join(words), number, isInPlace, fault));

            states = next;
            if (next is not null) facts = [.. next.Registers.Distinct(RegistersComparer.Instance)];
        }
        return isEnded && states is not null && IsStory(line);
    }

    private StateSet? ReadAll(StateSet states, List<string> words, out string? fault)
    {
        for (int i = 0; i < words.Count; i++)
        {
            if (_grammar.WordId(words[i]) is int id && states.Read(id) is StateSet next)
            {
                states = next;
                continue;
            }
            fault = Explain(states, words, i);
            return null;
        }
        fault = null;
        return states;
    }

    private string Explain(StateSet states, List<string> words, int index)
    {
        string word = words[index].Trim();
        if (_grammar.WordId(words[index]) is not int id)
            return _grammar.WordId(word) is null ? $"'{word}' is not a word of these stories" : $"the space before '{word}' is wrong";

        List<StateSet.NextStep> steps = [.. states.NextSteps().OrderByDescending(step => step.Probability)];
        foreach (StateSet.NextStep step in steps)
            if (step.Source is SlotItem slot && Writes(slot, id)) return Disagreement(slot, step.Entry, word, _grammar.Model.Vocabulary[step.Word]);

        string[] possible = [.. steps.Select(step => _grammar.Model.Vocabulary[step.Word]).Distinct().Take(NamedAlternatives).Select(Quote)];
        string place = index == 0 ? "begin the next sentence" : $"follow {Quote(words[index - 1].Trim())}";
        return $"{Quote(word)} cannot {place}; {(possible.Length == 0 ? "nothing can" : $"{string.Join(" or ", possible)} can")}";
    }

    private static string Disagreement(SlotItem slot, int entry, string word, string expected)
    {
        WordList list = slot.Register.List;
        string name = list.Entries[entry][0];
        if (slot.Feature == 0) return $"'{word}' stands where the story means '{name}'";
        string referent = char.IsUpper(name[0]) ? name : $"'{name}'";
        return list.Features.Contains("he") // the list names somebody
            ? $"'{word}' refers to {referent}, who is '{expected}'"
            : $"'{word}' does not go with {referent}, which has '{expected}'";
    }

    private static bool Writes(SlotItem slot, int word)
    {
        for (int entry = 0; entry < slot.Register.List.Count; entry++)
            if (slot.Register.List.Phrase(entry, slot.Feature, slot.Capital) is [WordItem first, ..] && first.Word == word) return true;
        return false;
    }

    private static string Quote(string word) => word == StoryWords.LineEnd ? "the end of the story" : $"'{word}'";

    private bool IsGrammaticalAlone(List<string> words) =>
        words.Count > 0 && ReadAll(StateSet.Open(_grammar.Model, _sentencesAlone, [_grammar.Model.NewRegisters()]), words, out _) is { IsComplete: true };

    internal static List<List<string>> SplitSentences(List<string> words)
    {
        List<List<string>> sentences = [];
        List<string> sentence = [];
        for (int i = 0; i < words.Count; i++)
        {
            sentence.Add(words[i]);
            bool isEnd = StoryWords.EndsSentence(words[i].Trim()) && (i + 1 == words.Count || StoryWords.BeginsSentence(words[i + 1].Trim(' ', '\t')));
            if (!isEnd && i + 1 < words.Count) continue;
            sentences.Add(sentence);
            sentence = [];
        }
        return sentences;
    }

    // Every place of a story at which a sentence begins, with what follows it.
    private static HashSet<Frame> SentenceFrames(Frame start)
    {
        HashSet<Frame> seen = [];
        HashSet<Frame> sentences = [];
        Visit(start);
        return sentences;

        void Visit(Frame? frame)
        {
            if (frame is null || !seen.Add(frame)) return;
            if (frame.Top is CallItem { Rule: { IsSentence: false } rule })
            {
                foreach (Alternative alternative in rule.Alternatives) Visit(Frame.Of(alternative.Items, 0, frame.Rest));
                return;
            }
            if (frame.Top is CallItem) sentences.Add(frame);
            Visit(frame.Rest);
        }
    }

    private sealed class RegistersComparer : IEqualityComparer<int[]>
    {
        public static readonly RegistersComparer Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] registers) => registers.Aggregate(17, HashCode.Combine);
    }
}
