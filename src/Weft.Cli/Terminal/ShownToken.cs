using System.Globalization;
using System.Net;
using System.Text;
using Weft.Tokenizers;

namespace Weft.Cli.Terminal;

/// <summary>A token of a text as people look at it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Visible">Its text, with white space made visible, and parts of characters as bytes.</param>
/// <param name="Bytes">Its bytes in hexadecimal.</param>
/// <param name="Place">Which code points of the text it covers, such as 3-7; tokens that share a character share its place.</param>
internal sealed record ShownToken(int Id, string Visible, string Bytes, string Place)
{
    internal static ShownToken[] Of(Tokenizer tokenizer, string text)
    {
        if (tokenizer is PipelineTokenizer pipeline)
        {
            TokenEncoding encoding = pipeline.EncodeWithOffsets(text);
            return [.. encoding.Ids.Zip(encoding.Offsets, (id, place) => Create(tokenizer, id, place.Start, place.End))];
        }

        // Every other tokenizer gives the text back byte for byte: places follow from the bytes.
        int[] codePointOfByte = [.. CodePoints(text)];
        List<ShownToken> tokens = [];
        int at = 0;
        foreach (int id in tokenizer.Encode(text))
        {
            int end = at + tokenizer.TokenBytes(id).Length;
            tokens.Add(end > at && end <= codePointOfByte.Length ? Create(tokenizer, id, codePointOfByte[at], codePointOfByte[end - 1] + 1) : Create(tokenizer, id, 0, 0));
            at = end;
        }
        return [.. tokens];
    }

    /// <summary>The tokens as a page: the text in colours, each token with its id and bytes where the mouse rests.</summary>
    internal static string Page(IReadOnlyList<ShownToken> tokens, string summary)
    {
        string[] colors = ["#cfe8fc", "#fdf0b8", "#d3f3d0", "#ecd9f7", "#fbd8d0"];
        StringBuilder page = new("<!doctype html><meta charset=utf-8><title>Tokens</title><style>body{font:18px/1.9 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}span{padding:.15em .05em;border-radius:.25em;white-space:pre-wrap}table{border-collapse:collapse;font-size:14px}td,th{padding:.15em .8em;text-align:left;border-bottom:1px solid #ddd}</style>");
        page.Append("<p>");
        for (int i = 0; i < tokens.Count; i++)
            page.Append(CultureInfo.InvariantCulture, $"<span style=\"background:{colors[i % colors.Length]}\" title=\"{tokens[i].Id}  {tokens[i].Bytes}\">{WebUtility.HtmlEncode(tokens[i].Visible)}</span>").Append(tokens[i].Visible.EndsWith('⏎') ? "<br>" : "");
        page.Append("</p><p>").Append(WebUtility.HtmlEncode(summary)).Append("</p><table><tr><th>#<th>id<th>text<th>bytes<th>place");
        for (int i = 0; i < tokens.Count; i++)
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{i}<td>{tokens[i].Id}<td>{WebUtility.HtmlEncode(tokens[i].Visible)}<td>{tokens[i].Bytes}<td>{tokens[i].Place}");
        return page.Append("</table>\n").ToString();
    }

    private static ShownToken Create(Tokenizer tokenizer, int id, int start, int end) => new(
        id,
        Text(tokenizer, id).Replace(' ', '·').Replace("\n", "⏎", StringComparison.Ordinal).Replace("\t", "⇥", StringComparison.Ordinal),
        Convert.ToHexString(tokenizer.TokenBytes(id)),
        end > start ? string.Create(CultureInfo.InvariantCulture, $"{start}-{end}") : "");

    // A token may hold a part of a character: its bytes are shown one by one.
    private static string Text(Tokenizer tokenizer, int id)
    {
        string text = tokenizer.TokenText(id);
        if (!text.Contains('\uFFFD')) return text;
        StringBuilder shown = new();
        for (ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(id); !bytes.IsEmpty;)
        {
            bool whole = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            if (whole) shown.Append(rune.ToString());
            else foreach (byte part in bytes[..length]) shown.Append(CultureInfo.InvariantCulture, $"<0x{part:X2}>");
            bytes = bytes[length..];
        }
        return shown.ToString();
    }

    // The number of the code point that each byte of the UTF-8 text belongs to.
    private static IEnumerable<int> CodePoints(string text)
    {
        int number = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            for (int i = 0; i < rune.Utf8SequenceLength; i++) yield return number;
            number++;
        }
    }
}
