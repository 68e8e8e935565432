namespace Weft.Inference.Hub;

/// <summary>A model on a hub: <c>ORG/NAME</c>, or <c>ORG/NAME@REVISION</c> with a branch, a tag or a commit.</summary>
/// <param name="Repository"><c>ORG/NAME</c>.</param>
/// <param name="Revision">A branch, a tag or a commit; <c>main</c> where none was given.</param>
public sealed record HubReference(string Repository, string Revision = "main")
{
    private const int LongestName = 96; // huggingface_hub, validate_repo_id

    /// <summary>Reads a reference; null if the text is not one.</summary>
    /// <remarks>A name has letters, digits, '-', '_' and '.', and neither begins or ends with '-' or '.', nor holds '--' or '..':
    /// so it can never lead out of the cache.</remarks>
    public static HubReference? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] halves = text.Split('@', 2), names = halves[0].Split('/');
        if (names.Length != 2 || !names.All(IsName)) return null;
        string revision = halves.Length == 2 ? halves[1] : "main";
        return IsRevision(revision) ? new HubReference(halves[0], revision) : null;
    }

    /// <summary>Reads a reference.</summary>
    /// <exception cref="FormatException">The text is not one.</exception>
    public static HubReference Parse(string text) =>
        TryParse(text) ?? throw new FormatException($"'{text}' does not name a model on a hub; that is ORG/NAME or ORG/NAME@REVISION.");

    /// <inheritdoc/>
    public override string ToString() => Revision == "main" ? Repository : $"{Repository}@{Revision}";

    /// <summary>Whether a text is a commit: 40 hexadecimal digits.</summary>
    internal static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    private static bool IsName(string name) =>
        name.Length is > 0 and <= LongestName && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && name[0] is not ('-' or '.') && name[^1] is not ('-' or '.')
        && !name.Contains("--", StringComparison.Ordinal) && !name.Contains("..", StringComparison.Ordinal);

    // A branch may hold slashes (refs/pr/1): each part is a file's or a folder's name in the cache.
    private static bool IsRevision(string revision) =>
        revision.Length is > 0 and <= 255 && revision.Split('/').All(static part => part.Length > 0 && part.Trim('.').Length > 0 && part.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.'));
}
