namespace Weft.Guide.Stories;

/// <summary>One story that the grammar wrote.</summary>
/// <param name="Text">The story on one line, without the line end that closes it.</param>
/// <param name="LogProbability">The natural logarithm of the probability that the grammar writes this story, its line end included.</param>
/// <param name="Facts">What the story settled, by register: <c>hero</c> is <c>Tom</c>, <c>thing</c> is <c>kite</c>, and so on.</param>
public sealed record Story(string Text, double LogProbability, IReadOnlyDictionary<string, string> Facts)
{
    /// <summary>The text.</summary>
    public override string ToString() => Text;
}
