namespace Weft.Golden.Tests;

/// <summary>The one list of what the reference cases ask for and the library does not do yet.</summary>
/// <remarks>
/// A case that this table matches is skipped, and says so; every other case runs. An operation that is built leaves the table in
/// the same change: a row whose operation the runner knows fails the test <c>NotBuiltYet_HoldsNothingBack</c> of its set.
/// A row for one group is for an operation that works elsewhere, such as a model family that is
/// missing; it fails as soon as one of its cases passes.
/// </remarks>
internal static class NotBuiltYet
{
    /// <summary>One line of the table; <c>*</c> matches every operation, or every group.</summary>
    internal sealed record Row(string Set, string Group, string Op, string What);

    public static IReadOnlyList<Row> Rows { get; } =
    [
        .. Ops("metrics", "text",
            """
            data sacrebleu.corpus_bleu sacrebleu.corpus_chrf sacrebleu.sentence_bleu sacrebleu.tokenize sacrebleu.chrf sacrebleu.sentence_ter
            sacrebleu.ter sacrebleu.paired_ar sacrebleu.paired_bs rouge_score rouge_score.score_multi nltk.meteor nltk.translate
            nltk.translate.corpus nltk.porter nltk.snowball.english jiwer jiwer.corpus squad pass_at_k seqeval seqeval.get_entities
            edit_distance diversity perplexity_units
            """),
        .. Ops("metrics", "statistics",
            """
            calibration isotonic platt clustering ndcg retrieval agreement bradley_terry bootstrap_mean_difference exact_permutation mcnemar
            multiple_testing paired_sign_permutation proportion_ci two_samples
            """),
    ];

    private static readonly ILookup<string, Row> BySet = Rows.ToLookup(row => row.Set, StringComparer.Ordinal);

    /// <summary>The row that holds a case back, or null.</summary>
    public static Row? Find(GoldenCase golden) =>
        BySet[golden.Set].FirstOrDefault(row => (row.Group == "*" || row.Group == golden.Group) && (row.Op == "*" || row.Op == golden.Op));

    // Operations that are not built at all; `group` only orders the table.
    private static IEnumerable<Row> Ops(string set, string group, string names) =>
        from op in names.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)
        select new Row(set, "*", op, $"{set} {group} {op}");
}
