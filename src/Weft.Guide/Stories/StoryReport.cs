namespace Weft.Guide.Stories;

/// <summary>What <see cref="StoryRecognizer.Examine"/> found in a text.</summary>
/// <param name="Sentences">Every sentence in order. A last one that was cut off is not among them.</param>
/// <param name="EndedStoryCount">How many stories the text ends with a line end.</param>
/// <param name="WholeStoryCount">How many of these are stories of the language from the first word to the last.</param>
public sealed record StoryReport(IReadOnlyList<StorySentence> Sentences, int EndedStoryCount, int WholeStoryCount)
{
    /// <summary>How many sentences were examined.</summary>
    public int SentenceCount => Sentences.Count;

    /// <summary>How many of them are grammatical where they stand: well formed, and in agreement with the story so far.</summary>
    public int GrammaticalCount => Sentences.Count(sentence => sentence.IsGrammatical);

    /// <summary>How many are also the right kind of sentence at that place of a story.</summary>
    public int InPlaceCount => Sentences.Count(sentence => sentence.IsInPlace);

    /// <summary>The grammatical share of the sentences, 0 to 1; NaN when there are none.</summary>
    public double GrammaticalShare => (double)GrammaticalCount / SentenceCount;

    /// <summary>The first fault in words, or null when every sentence is grammatical.</summary>
    public string? FirstFault => Sentences.FirstOrDefault(sentence => !sentence.IsGrammatical)?.Fault;

    /// <summary>One line: the counts, and the first fault if there is one.</summary>
    public override string ToString() =>
        $"{GrammaticalCount} of {SentenceCount} sentences are grammatical, {InPlaceCount} of them in place; " +
        $"{WholeStoryCount} of {EndedStoryCount} ended stories are whole{(FirstFault is null ? "" : $". First fault: {FirstFault}")}";
}

/// <summary>One sentence of an examined text.</summary>
/// <param name="Text">The sentence.</param>
/// <param name="StoryNumber">Which story of the text it belongs to (1-based).</param>
/// <param name="IsInPlace">Whether a story can go on with this sentence here. A sentence may be grammatical and yet come too early or too late.</param>
/// <param name="Fault">What is wrong with it in words, or null when it is grammatical.</param>
public sealed record StorySentence(string Text, int StoryNumber, bool IsInPlace, string? Fault)
{
    /// <summary>Whether the sentence is grammatical in its story.</summary>
    public bool IsGrammatical => Fault is null;
}
