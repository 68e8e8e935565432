using System.Text;

namespace Weft.Guide.Stories;

/// <summary>A source of stories whose every probability is known: it writes them, reads them and measures them exactly.</summary>
/// <remarks>
/// Weft trains on these stories when it is given no other text, because then the distance between the model and the best possible model is
/// a known number. Stories are independent of each other. Each is one line: its text, then a line end, and the line end is part of the story in
/// every probability, entropy and token count below.
/// <para>
/// How to measure a model against the floor. Cross entropy per token cannot be lower, on average, than entropy per story divided by tokens
/// per story, and for one given held-out text the same measure of the true source is
/// <c>NegativeLogProbability(text) / token count</c>, exact whatever the tokenizer, since a tokenizer that cuts a text in one way only
/// leaves its probability alone. The model must see what the source knows, so evaluate whole stories: one story a row, the line end of the
/// story before it as the first context token, every token of the story and its line end as targets, and what is left of the row ignored.
/// <see cref="MaximumWordCount"/> words and the leading line end fit a context of 128 tokens when words are tokens. Random windows that
/// start in the middle of a story hide the names at its beginning and their loss has a higher floor; they are right for training only.
/// </para>
/// The object is immutable and may be used from any number of threads.
/// </remarks>
public sealed class StoryGrammar
{
    private readonly Dictionary<string, int> _wordIds = [];
    private readonly Lazy<double> _entropy;
    private readonly Lazy<double> _expectedWords;
    private readonly Lazy<IReadOnlyList<string>> _vocabulary;
    private readonly Lazy<(int Minimum, int Maximum)> _wordCounts;

    private StoryGrammar(GrammarModel model)
    {
        Model = model;
        for (int id = 0; id < model.Vocabulary.Length; id++) _wordIds.Add(model.Vocabulary[id], id);
        _entropy = new(() => GrammarExpectation.Entropy(model));
        _expectedWords = new(() => GrammarExpectation.Words(model, static (_, _) => 1));
        _vocabulary = new(() => GrammarBounds.Vocabulary(model));
        _wordCounts = new(() => GrammarBounds.WordCounts(model));
    }

    /// <summary>The stories built into Weft.</summary>
    public static StoryGrammar Default { get; } = Parse(DefaultStories.Text);

    internal GrammarModel Model { get; }

    /// <summary>Every word that a story can contain, punctuation and the line end included, in ordinal order.</summary>
    public IReadOnlyList<string> Vocabulary => _vocabulary.Value;

    /// <summary>No story has fewer words than this (with punctuation and line end).</summary>
    public int MinimumWordCount => _wordCounts.Value.Minimum;

    /// <summary>No story has more words than this (with punctuation and line end).</summary>
    public int MaximumWordCount => _wordCounts.Value.Maximum;

    /// <summary>The entropy of one story in nats, exact: the expected negative log probability of a story.</summary>
    public double EntropyPerStory => _entropy.Value;

    /// <summary>The expected number of words of a story, exact, with punctuation and line end.</summary>
    public double ExpectedWordCount => _expectedWords.Value;

    /// <summary>Compiles a grammar from its text.</summary>
    /// <remarks>
    /// Lines; those that begin with <c>#</c> are comments.
    /// <list type="bullet">
    /// <item><c>list hero | he | his</c> begins a table: its name, then its features; then one entry a line, <c>Tom | he | his</c>.</item>
    /// <item><c>rule Name</c> or <c>sentence Name</c> begins a nonterminal (the latter writes exactly one sentence); then one alternative a
    /// line: a whole-number weight, a guard if any, and its text. The first rule is the story.</item>
    /// <item>In an alternative, <c>{hero:list.feature}</c> chooses an entry of the list, remembers it and writes the feature;
    /// <c>{thing:list if feature=other.feature}</c> chooses among the entries that agree with another memory; <c>{hero.feature}</c> writes a feature
    /// of what is remembered (<c>{hero}</c> the entry itself); <c>{^hero.he}</c> writes it with a capital; <c>&lt;Name&gt;</c> inserts a rule.</item>
    /// <item>A guard <c>[hero.feature=a,b]</c> allows the alternative only for these values, <c>[hero]</c> only once there is a hero.</item>
    /// </list>
    /// Entries are chosen uniformly, alternatives by weight among those whose guards hold. Rules may not contain themselves.
    /// Probabilities are those of texts only if no text can be derived in two ways; check a new grammar with <see cref="StoryReader.DerivationCount"/>.
    /// </remarks>
    /// <exception cref="FormatException">The text breaks these rules; the message names the line.</exception>
    public static StoryGrammar Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new StoryGrammar(GrammarParser.Parse(text));
    }

    /// <summary>Story number <paramref name="index"/> (0-based) of the endless text that belongs to a seed: the same on every platform.</summary>
    public Story Sample(ulong seed, long index = 0)
    {
        StoryRandom random = StoryRandom.ForStory(seed, index);
        int[] registers = Model.NewRegisters();
        List<string> words = [];
        double logProbability = 0;

        for (Frame? frame = Model.Start; frame is not null;)
        {
            Frame? rest = frame.Rest;
            switch (frame.Top)
            {
                case WordItem word:
                    words.Add(Model.Vocabulary[word.Word]);
                    frame = rest;
                    break;

                case SlotItem slot:
                    if (slot.Binds) registers[slot.Register.Index] = Choose(slot, registers, ref random, ref logProbability);
                    frame = Frame.Of(slot.Register.List.Phrase(registers[slot.Register.Index], slot.Feature, slot.Capital), 0, rest);
                    break;

                default:
                    Alternative chosen = Choose(((CallItem)frame.Top).Rule, registers, ref random, ref logProbability);
                    frame = Frame.Of(chosen.Items, 0, rest);
                    break;
            }
        }

        Dictionary<string, string> facts = [];
        foreach (Register register in Model.Registers)
            if (registers[register.Index] >= 0) facts.Add(register.Name, register.List.Entries[registers[register.Index]][0]);
        return new Story(StoryWords.Join(words.SkipLast(1)), logProbability, facts);
    }

    /// <summary>The first stories of a seed as one text, each closed by a line end (<c>\n</c>).</summary>
    /// <remarks>Give training and held-out text different seeds.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative.</exception>
    public string Generate(ulong seed, int storyCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(storyCount);
        StringBuilder text = new();
        for (int index = 0; index < storyCount; index++) text.Append(Sample(seed, index).Text).Append('\n');
        return text.ToString();
    }

    /// <summary>The exact natural logarithm of the probability of one story (its line end may be given or not); negative infinity when it is not in the language.</summary>
    public double LogProbability(string story)
    {
        ArgumentNullException.ThrowIfNull(story);
        StoryReader reader = Read();
        foreach (string word in StoryWords.Split(story))
            if (!reader.TryRead(word)) return double.NegativeInfinity;
        return reader.IsComplete || reader.TryRead(StoryWords.LineEnd) ? reader.LogProbability : double.NegativeInfinity;
    }

    /// <summary>The exact negative log probability in nats of a text of whole stories, each closed by a line end (the last may lack it): the least total loss that the true source has on this very text.</summary>
    /// <returns>Nats; positive infinity when a line is not a story.</returns>
    public double NegativeLogProbability(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        double nats = 0;
        if (text.Length == 0) return nats;
        foreach (ReadOnlySpan<char> line in (text.EndsWith('\n') ? text.AsSpan(0, text.Length - 1) : text).EnumerateLines())
            nats -= LogProbability(line.ToString());
        return nats;
    }

    /// <summary>The exact expected number of tokens of a story, line end included, for a tokenizer that never merges across words.</summary>
    /// <param name="tokenCount">The token count of one piece: a word with the space before it if it has one, such as <c>" kite"</c>, <c>","</c> or <c>"\n"</c>.</param>
    /// <remarks>The average floor in nats per token is <c>EntropyPerStory / ExpectedTokens(...)</c>.</remarks>
    public double ExpectedTokens(Func<string, int> tokenCount)
    {
        ArgumentNullException.ThrowIfNull(tokenCount);
        return GrammarExpectation.Words(Model, (word, isGlued) => tokenCount(isGlued ? word : " " + word));
    }

    /// <summary>A reader at the beginning of a story.</summary>
    public StoryReader Read() => new(this);

    /// <summary>Each word of a story with its exact probability given the words before it: where the information is, and what a perfect model would lose at each word.</summary>
    /// <exception cref="ArgumentException">The text is not the beginning of a story.</exception>
    public IReadOnlyList<StoryWord> MeasureWords(string story)
    {
        ArgumentNullException.ThrowIfNull(story);
        StoryReader reader = Read();
        List<StoryWord> measured = [];
        double before = 0;
        foreach (string word in StoryWords.Split(story))
        {
            if (!reader.TryRead(word)) throw new ArgumentException($"No story goes on with '{word}' as word {measured.Count + 1}.", nameof(story));
            measured.Add(new StoryWord(word, Math.Exp(reader.LogProbability - before)));
            before = reader.LogProbability;
        }
        return measured;
    }

    /// <summary>Cuts text into words: runs of letters, runs of punctuation, line ends, as GPT-2's pre-tokenizer does, without the spaces between them.</summary>
    public static IReadOnlyList<string> SplitWords(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return StoryWords.Split(text);
    }

    internal int? WordId(string word) => _wordIds.TryGetValue(word, out int id) ? id : null;

    private static int Choose(SlotItem slot, int[] registers, ref StoryRandom random, ref double logProbability)
    {
        int count = slot.AllowedCount(registers);
        if (count == 0) throw new InvalidOperationException($"Story grammar: no {slot.Register.List.Name} passes the filter of '{slot.Register.Name}'.");
        logProbability -= Math.Log(count);
        int skip = random.Below(count);
        for (int entry = 0; ; entry++)
            if (slot.Allows(entry, registers) && skip-- == 0) return entry;
    }

    private static Alternative Choose(Rule rule, int[] registers, ref StoryRandom random, ref double logProbability)
    {
        int total = rule.TotalWeight(registers);
        if (total == 0) throw new InvalidOperationException($"Story grammar: the guards of rule {rule.Name} allow no alternative.");
        int left = random.Below(total);
        foreach (Alternative alternative in rule.Alternatives)
        {
            if (alternative.Guard?.Holds(registers) == false) continue;
            left -= alternative.Weight;
            if (left >= 0) continue;
            logProbability += Math.Log((double)alternative.Weight / total);
            return alternative;
        }
        throw new InvalidOperationException($"Story grammar: the weights of rule {rule.Name} do not add up.");
    }
}
