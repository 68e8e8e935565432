namespace Weft.Tokenizers.ChatTemplates;

/// <summary>HTML's own characters.</summary>
internal static class Html
{
    public static string Escape(string text) => text
        .Replace("&", "&amp;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
        .Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);
}
