using System.Text;
using System.Text.RegularExpressions;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Cuts a template into tokens, with Jinja's <c>trim_blocks</c> and <c>lstrip_blocks</c> on.</summary>
internal sealed partial class TemplateLexer
{
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "[", "]", "(", ")", "{", "}", "<", ">", "=", ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private bool _lineStart = true;
    private int _line = 1;
    private int _lineAt;

    private TemplateLexer(string source) => _source = source;

    /// <summary>All tokens of a template.</summary>
    /// <exception cref="ChatTemplateException">A tag, a comment or a string is not closed.</exception>
    public static List<TemplateToken> Read(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (source.EndsWith('\n')) source = source[..^1];
        TemplateLexer lexer = new(source);
        lexer.ReadRoot();
        lexer.Add(TemplateTokenKind.End, "");
        return lexer._tokens;
    }

    [GeneratedRegex(@"\G\{%[-+]?\s*raw\s*(-%\}\s*|%\})", RegexOptions.CultureInvariant)]
    private static partial Regex RawBegin();

    [GeneratedRegex(@"\{%([-+]?)\s*endraw\s*(\+%\}|-%\}\s*|%\}\n?)", RegexOptions.CultureInvariant)]
    private static partial Regex RawEnd();

    [GeneratedRegex(@"(\+|-)?#\}", RegexOptions.CultureInvariant)]
    private static partial Regex CommentEnd();

    [GeneratedRegex(@"\G(?<!\.)(\d+_)*\d+((\.(\d+_)*\d+)?[eE][+\-]?(\d+_)*\d+|\.(\d+_)*\d+)", RegexOptions.CultureInvariant | RegexOptions.ECMAScript)]
    private static partial Regex Float();

    [GeneratedRegex(@"\G(0[bB](_?[01])+|0[oO](_?[0-7])+|0[xX](_?[0-9a-fA-F])+|[1-9](_?[0-9])*|0(_?0)*)", RegexOptions.CultureInvariant)]
    private static partial Regex Integer();

    private void ReadRoot()
    {
        while (_at < _source.Length)
        {
            int tag = NextTag(_at);
            if (tag < 0)
            {
                AddText(_source[_at..]);
                _at = _source.Length;
                return;
            }
            char kind = _source[tag + 1];
            char sign = tag + 2 < _source.Length ? _source[tag + 2] : '\0';
            string text = _source[_at..tag];
            if (sign == '-') text = text.TrimEnd();
            else if (sign != '+' && kind != '{') text = StripIndent(text);
            AddText(text);
            Match raw = kind == '%' ? RawBegin().Match(_source, tag) : Match.Empty;
            if (raw.Success) ReadRaw(tag, raw);
            else if (kind == '#') ReadComment(tag);
            else ReadTag(tag, kind, sign is '-' or '+' ? 3 : 2);
        }
    }

    private int NextTag(int from)
    {
        for (int at = _source.IndexOf('{', from); at >= 0 && at + 1 < _source.Length; at = _source.IndexOf('{', at + 1))
            if (_source[at + 1] is '%' or '{' or '#')
                return at;
        return -1;
    }

    // Blanks between the beginning of a line and a block go away.
    private string StripIndent(string text)
    {
        int lineStart = text.LastIndexOf('\n') + 1;
        if (lineStart == 0 && !_lineStart) return text;
        return text.AsSpan(lineStart).IsWhiteSpace() ? text[..lineStart] : text;
    }

    private void ReadRaw(int tag, Match begin)
    {
        int start = tag + begin.Length;
        Match end = RawEnd().Match(_source, start);
        if (!end.Success) throw Error("a raw block is not closed", tag);
        string text = _source[start..end.Index];
        if (end.Groups[1].Value == "-") text = text.TrimEnd();
        else if (end.Groups[1].Value != "+")
        {
            _lineStart = begin.Value.EndsWith('\n');
            text = StripIndent(text);
        }
        AddText(text);
        MoveTo(end.Index + end.Length);
    }

    private void ReadComment(int tag)
    {
        Match end = CommentEnd().Match(_source, tag + 2);
        if (!end.Success) throw Error("a comment is not closed", tag);
        int at = end.Index + end.Length;
        MoveTo(end.Groups[1].Value == "-" ? SkipSpace(at) : end.Groups[1].Value == "+" ? at : SkipLineFeed(at));
    }

    private void ReadTag(int tag, char kind, int length)
    {
        bool isBlock = kind == '%';
        string close = isBlock ? "%}" : "}}";
        _at = tag;
        Add(isBlock ? TemplateTokenKind.BlockBegin : TemplateTokenKind.VariableBegin, _source.Substring(tag, length));
        _at = tag + length;
        Stack<char> open = new();
        while (true)
        {
            _at = SkipSpace(_at);
            if (_at >= _source.Length) throw Error("a tag is not closed", tag);
            if (open.Count == 0)
            {
                char sign = _source[_at];
                int signed = sign == '-' || (sign == '+' && isBlock) ? 1 : 0;
                if (string.CompareOrdinal(_source, _at + signed, close, 0, 2) == 0)
                {
                    Add(isBlock ? TemplateTokenKind.BlockEnd : TemplateTokenKind.VariableEnd, close);
                    int after = _at + signed + 2;
                    MoveTo(signed == 1 && sign == '-' ? SkipSpace(after) : isBlock && signed == 0 ? SkipLineFeed(after) : after);
                    return;
                }
            }
            ReadExpressionToken(open);
        }
    }

    private void ReadExpressionToken(Stack<char> open)
    {
        char next = _source[_at];
        if (char.IsLetter(next) || next == '_')
        {
            int end = _at;
            while (end < _source.Length && (char.IsLetterOrDigit(_source[end]) || _source[end] == '_')) end++;
            Take(TemplateTokenKind.Name, end - _at);
            return;
        }
        if (char.IsAsciiDigit(next))
        {
            Match number = Float().Match(_source, _at);
            if (number.Success) Take(TemplateTokenKind.Float, number.Length);
            else Take(TemplateTokenKind.Integer, Integer().Match(_source, _at).Length);
            return;
        }
        if (next is '\'' or '"')
        {
            ReadString(next);
            return;
        }
        foreach (string text in Operators)
        {
            if (string.CompareOrdinal(_source, _at, text, 0, text.Length) != 0) continue;
            if (text is "(" or "[" or "{") open.Push(text[0]);
            else if (text is ")" or "]" or "}")
            {
                if (open.Count == 0) throw Error($"unexpected '{text}'", _at);
                char begin = open.Pop();
                if ((begin, text[0]) is not (('(', ')') or ('[', ']') or ('{', '}'))) throw Error($"unexpected '{text}'", _at);
            }
            Take(TemplateTokenKind.Operator, text.Length);
            return;
        }
        throw Error($"unexpected character '{next}'", _at);
    }

    private void Take(TemplateTokenKind kind, int length)
    {
        if (length == 0) throw Error($"unexpected character '{_source[_at]}'", _at);
        Add(kind, _source.Substring(_at, length));
        _at += length;
    }

    private void ReadString(char quote)
    {
        int end = _at + 1;
        while (end < _source.Length && _source[end] != quote) end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length) throw Error("a string is not closed", _at);
        Add(TemplateTokenKind.String, StringLiteral.Unescape(_source.AsSpan(_at + 1, end - _at - 1), LineAt(_at)));
        _at = end + 1;
    }

    private void AddText(string text)
    {
        if (text.Length == 0) return;
        Add(TemplateTokenKind.Text, text);
    }

    private void Add(TemplateTokenKind kind, string text) => _tokens.Add(new TemplateToken(kind, text, LineAt(_at)));

    private void MoveTo(int at)
    {
        _lineStart = at > 0 && _source[at - 1] == '\n';
        _at = at;
    }

    private int SkipSpace(int at)
    {
        while (at < _source.Length && char.IsWhiteSpace(_source[at])) at++;
        return at;
    }

    private int SkipLineFeed(int at) => at < _source.Length && _source[at] == '\n' ? at + 1 : at;

    private int LineAt(int at)
    {
        for (; _lineAt < at && _lineAt < _source.Length; _lineAt++)
            if (_source[_lineAt] == '\n')
                _line++;
        return _line;
    }

    private ChatTemplateException Error(string problem, int at) => ChatTemplateException.Syntax(problem, LineAt(at));
}
