namespace Weft.Tokenizers;

/// <summary>One place of a template: one of the texts, or tokens.</summary>
/// <param name="Sequence">0 or 1 for a text, null for tokens.</param>
/// <param name="Tokens">The tokens with their ids.</param>
/// <param name="TypeId">The type id that all of it gets.</param>
internal sealed record TemplatePart(int? Sequence, IReadOnlyList<(string Token, int Id)> Tokens, int TypeId);

/// <summary>Fills a template such as <c>[CLS] $A [SEP] $B [SEP]</c>.</summary>
internal sealed class TemplatePostProcessor(IReadOnlyList<TemplatePart> single, IReadOnlyList<TemplatePart> pair) : PostProcessor
{
    /// <summary>BERT's template.</summary>
    public static TemplatePostProcessor Bert((string, int) start, (string, int) separator) => new(
        [Added(start, 0), Text(0, 0), Added(separator, 0)],
        [Added(start, 0), Text(0, 0), Added(separator, 0), Text(1, 1), Added(separator, 1)]);

    /// <summary>RoBERTa's template, in which every type id is 0.</summary>
    public static TemplatePostProcessor Roberta((string, int) start, (string, int) separator) => new(
        [Added(start, 0), Text(0, 0), Added(separator, 0)],
        [Added(start, 0), Text(0, 0), Added(separator, 0), Added(separator, 0), Text(1, 0), Added(separator, 0)]);

    public override int AddedCount(bool isPair) => (isPair ? pair : single).Sum(part => part.Tokens.Count);

    public override List<TokenEncoding> Process(List<TokenEncoding> texts, bool addSpecialTokens)
    {
        List<TokenEncoding> parts = [];
        foreach (TemplatePart part in texts.Count > 1 ? pair : single)
        {
            if (part.Sequence is int sequence)
            {
                TokenEncoding text = texts[sequence];
                text.ChangeAll(token => token with { TypeId = part.TypeId, SequenceId = sequence });
                parts.Add(text);
            }
            else if (addSpecialTokens)
            {
                parts.Add(new TokenEncoding([.. part.Tokens.Select(token => new EncodedToken(token.Id, token.Token, 0, 0) { TypeId = part.TypeId, IsSpecial = true })]));
            }
        }
        return parts;
    }

    private static TemplatePart Text(int sequence, int typeId) => new(sequence, [], typeId);

    private static TemplatePart Added((string, int) token, int typeId) => new(null, [token], typeId);
}
