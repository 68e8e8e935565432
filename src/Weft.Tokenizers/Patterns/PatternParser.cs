using System.Globalization;
using System.Text;

namespace Weft.Tokenizers;

/// <summary>Parses a regular expression in Oniguruma's (Ruby) syntax, as <c>tokenizer.json</c> files hold it.</summary>
/// <remarks>What is not supported (captures that are referred to, conditionals, calls, \X) is refused by name.</remarks>
internal sealed class PatternParser
{
    // Deep nesting would overflow the stack; real patterns nest three deep.
    private const int DeepestNesting = 200;

    private readonly int[] _pattern;
    private int _at;
    private int _depth;
    private bool _ignoreCase;
    private bool _dotAll;
    private bool _extended;

    private PatternParser(string pattern) => _pattern = [.. pattern.EnumerateRunes().Select(rune => rune.Value)];

    /// <summary>Parses.</summary>
    /// <exception cref="FormatException">The pattern is wrong, or uses what is not supported.</exception>
    public static PatternNode Parse(string pattern)
    {
        PatternParser parser = new(pattern);
        PatternNode node = parser.ParseChoice();
        if (parser._at < parser._pattern.Length) throw parser.Error("a ')' has no '('");
        return node;
    }

    private int Current => _at < _pattern.Length ? _pattern[_at] : -1;

    private int Next => _at + 1 < _pattern.Length ? _pattern[_at + 1] : -1;

    private PatternNode ParseChoice()
    {
        if (++_depth > DeepestNesting) throw Error("it nests too deeply");
        (bool ignoreCase, bool dotAll, bool extended) = (_ignoreCase, _dotAll, _extended);
        List<PatternNode> parts = [ParseSequence()];
        while (Current == '|')
        {
            _at++;
            parts.Add(ParseSequence());
        }
        (_ignoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
        _depth--;
        return parts.Count == 1 ? parts[0] : new PatternNode.Choice(parts);
    }

    private PatternNode ParseSequence()
    {
        List<PatternNode> parts = [];
        while (Current is not (-1 or '|' or ')'))
        {
            if (_extended && SkipComment()) continue;
            PatternNode? part = ParseAtom();
            if (part is not null) parts.Add(ParseRepeats(part));
        }
        return parts.Count == 1 ? parts[0] : new PatternNode.Sequence(parts);
    }

    private bool SkipComment()
    {
        if (Current < 128 && char.IsWhiteSpace((char)Current))
        {
            _at++;
            return true;
        }
        if (Current != '#') return false;
        while (Current is not (-1 or '\n')) _at++;
        return true;
    }

    private PatternNode? ParseAtom()
    {
        int character = _pattern[_at++];
        switch (character)
        {
            case '(': return ParseGroup();
            case '[': return new PatternNode.Set(WithCase(ParseBracket()));
            case '.': return new PatternNode.Set(_dotAll ? CharacterSet.Range(0, 0x10FFFF) : CharacterSet.Range('\n', '\n').Complement());
            case '^': return new PatternNode.Assertion(AssertionKind.LineStart);
            case '$': return new PatternNode.Assertion(AssertionKind.LineEnd);
            case '\\': return ParseEscape();
            case '*' or '+' or '?': throw Error($"the quantifier '{(char)character}' has nothing before it", _at - 1);
            default: return Literal(character);
        }
    }

    private PatternNode Literal(int character) => new PatternNode.Set(WithCase(CharacterSet.Range(character, character)));

    private CharacterSet WithCase(CharacterSet set) => _ignoreCase ? set.IgnoringCase() : set;

    private PatternNode? ParseGroup()
    {
        if (Current != '?')
        {
            PatternNode plain = ParseChoice();
            Close();
            return plain;
        }
        _at++;
        int kind = Current;
        _at++;
        switch (kind)
        {
            case ':': return Closed(ParseChoice());
            case '=': return Closed(new PatternNode.Look(ParseChoice(), Behind: false, Negative: false));
            case '!': return Closed(new PatternNode.Look(ParseChoice(), Behind: false, Negative: true));
            case '>': return Closed(new PatternNode.Atomic(ParseChoice()));
            case '<' when Current is '=' or '!':
                bool negative = Current == '!';
                _at++;
                return Closed(new PatternNode.Look(ParseChoice(), Behind: true, negative));
            case '<' or '\'':
                int end = kind == '<' ? '>' : '\'';
                while (Current != end && Current != -1) _at++;
                _at++;
                return Closed(ParseChoice());
            case '#':
                while (Current is not (-1 or ')')) _at++;
                Close();
                return null;
            default:
                _at--;
                return ParseOptions();
        }
    }

    // (?i) for the rest of the group, or (?i:..) for its own.
    private PatternNode ParseOptions()
    {
        (bool ignoreCase, bool dotAll, bool extended) = (_ignoreCase, _dotAll, _extended);
        bool on = true;
        for (; Current is not (':' or ')'); _at++)
        {
            switch (Current)
            {
                case '-': on = false; break;
                case 'i': _ignoreCase = on; break;
                case 'm' or 's': _dotAll = on; break; // m is Ruby's letter for what others call s
                case 'x': _extended = on; break;
                default: throw Error(Current < 0 ? "a group is not closed" : $"the group (?{Show(Current)} is not supported");
            }
        }
        _at++;
        if (_pattern[_at - 1] == ')')
        {
            // The rest of this group is one alternative list of its own, as Oniguruma reads it.
            PatternNode rest = ParseChoice();
            (_ignoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
            return rest;
        }
        PatternNode part = ParseChoice();
        (_ignoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
        return Closed(part);
    }

    private PatternNode Closed(PatternNode node)
    {
        Close();
        return node;
    }

    private void Close()
    {
        if (Current != ')') throw Error("a group is not closed");
        _at++;
    }

    private PatternNode ParseEscape()
    {
        if (Current < 0) throw Error("it ends in a backslash");
        int letter = _pattern[_at++];
        switch (letter)
        {
            case 'A': return new PatternNode.Assertion(AssertionKind.TextStart);
            case 'z': return new PatternNode.Assertion(AssertionKind.TextEnd);
            case 'Z': return new PatternNode.Assertion(AssertionKind.TextEndOrLastLineFeed);
            case 'b': return new PatternNode.Assertion(AssertionKind.WordBoundary);
            case 'B': return new PatternNode.Assertion(AssertionKind.NoWordBoundary);
            case 'R':
                return new PatternNode.Atomic(new PatternNode.Choice([
                    new PatternNode.Sequence([new PatternNode.Set(CharacterSet.Range('\r', '\r')), new PatternNode.Set(CharacterSet.Range('\n', '\n'))]),
                    new PatternNode.Set(CharacterSet.Where(codePoint => codePoint is >= '\n' and <= '\r' or 0x85 or 0x2028 or 0x2029))]));
            case >= '1' and <= '9': throw Error($"the back reference \\{(char)letter} is not supported", _at - 2);
            case 'k' or 'g' or 'G' or 'K' or 'X' or 'y' or 'Y': throw Error($"\\{(char)letter} is not supported", _at - 2);
        }
        _at--;
        return new PatternNode.Set(WithCase(ParseSetEscape()));
    }

    // After the backslash: an escape that stands for a set, or for one character.
    private CharacterSet ParseSetEscape()
    {
        if (Current < 0) throw Error("it ends in a backslash");
        int letter = _pattern[_at++];
        switch (letter)
        {
            case 's': return CharacterProperties.Space;
            case 'S': return CharacterProperties.Space.Complement();
            case 'd': return CharacterProperties.Digit;
            case 'D': return CharacterProperties.Digit.Complement();
            case 'w': return CharacterProperties.Word;
            case 'W': return CharacterProperties.Word.Complement();
            case 'h': return CharacterProperties.HexDigit;
            case 'H': return CharacterProperties.HexDigit.Complement();
            case 'p' or 'P': return ParseProperty(letter == 'P');
            default: return One(ParseCharacterEscape(letter));
        }
    }

    private int ParseCharacterEscape(int letter)
    {
        switch (letter)
        {
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return 0x1B;
            case '0': return 0;
            case 'u': return ParseHex(4, 4);
            case 'x' when Current == '{':
                _at++;
                int codePoint = ParseHex(1, 8);
                if (Current != '}') throw Error("\\x{ is not closed");
                _at++;
                return codePoint;
            case 'x': return ParseHex(1, 2);
            case < 128 when char.IsAsciiLetter((char)letter): throw Error($"the escape \\{(char)letter} is not supported", _at - 2);
            default: return letter;
        }
    }

    private int ParseHex(int least, int most)
    {
        int start = _at;
        long value = 0;
        while (_at - start < most && Current is > 0 and < 128 && char.IsAsciiHexDigit((char)Current)) value = value * 16 + Convert.ToInt32(((char)_pattern[_at++]).ToString(), 16);
        return _at - start >= least && value <= 0x10FFFF ? (int)value : throw Error("a hexadecimal escape is not a code point");
    }

    private CharacterSet ParseProperty(bool negative)
    {
        if (Current != '{') throw Error("\\p has no {name}");
        int start = ++_at;
        while (Current is not (-1 or '}')) _at++;
        if (Current < 0) throw Error("\\p{ is not closed");
        string name = Text(start, _at++);
        if (name.StartsWith('^'))
        {
            negative = !negative;
            name = name[1..];
        }
        CharacterSet set = CharacterProperties.Find(name) ?? throw Error($"the property \\p{{{name}}} is not known", start);
        return negative ? set.Complement() : set;
    }

    // After '[': ranges, escapes, [[:alpha:]], nested brackets, && for what is in both.
    private CharacterSet ParseBracket()
    {
        if (++_depth > DeepestNesting) throw Error("it nests too deeply");
        int start = _at - 1;
        bool negative = Current == '^';
        if (negative) _at++;
        List<CharacterSet> union = [];
        CharacterSet? intersection = null;
        for (bool first = true; first || Current != ']'; first = false)
        {
            if (Current < 0) throw Error("a '[' has no ']'", start);
            if (Current == '&' && Next == '&')
            {
                _at += 2;
                CharacterSet sofar = CharacterSet.Union([.. union]);
                intersection = intersection?.Intersect(sofar) ?? sofar;
                union.Clear();
                continue;
            }
            union.Add(ParseBracketItem());
        }
        _at++;
        _depth--;
        CharacterSet set = CharacterSet.Union([.. union]);
        if (intersection is not null) set = intersection.Intersect(set);
        return negative ? set.Complement() : set;
    }

    private CharacterSet ParseBracketItem()
    {
        if (Current == '[')
        {
            if (Next == ':' && PosixClass() is CharacterSet posix) return posix;
            _at++;
            return ParseBracket();
        }
        int first;
        if (Current == '\\')
        {
            _at++;
            if (Current is 's' or 'S' or 'd' or 'D' or 'w' or 'W' or 'h' or 'H' or 'p' or 'P') return ParseSetEscape();
            first = Current == 'b' ? Backspace() : Current < 0 ? throw Error("it ends in a backslash") : ParseCharacterEscape(_pattern[_at++]);
        }
        else
        {
            first = _pattern[_at++];
        }
        if (Current != '-' || Next is ']' or -1) return One(first);
        int dash = _at++;
        if (Current == '[' || (Current == '\\' && Next is 's' or 'S' or 'd' or 'D' or 'w' or 'W' or 'h' or 'H' or 'p' or 'P'))
        {
            // "a-\d": the hyphen stands for itself.
            _at = dash;
            return One(first);
        }
        int last = _pattern[_at++];
        if (last == '\\') last = Current < 0 ? throw Error("it ends in a backslash") : ParseCharacterEscape(_pattern[_at++]);
        return last >= first ? CharacterSet.Range(first, last) : throw Error($"the range {Show(first)}-{Show(last)} is empty", dash);
    }

    private int Backspace()
    {
        _at++;
        return '\b';
    }

    private CharacterSet? PosixClass()
    {
        int end = _at + 2;
        while (end < _pattern.Length && _pattern[end] != ':' && _pattern[end] != ']') end++;
        if (end + 1 >= _pattern.Length || _pattern[end] != ':' || _pattern[end + 1] != ']') return null;
        string name = Text(_at + 2, end);
        bool negative = name.StartsWith('^');
        CharacterSet set = CharacterProperties.Find(name.TrimStart('^')) ?? throw Error($"the class [:{name}:] is not known");
        _at = end + 2;
        return negative ? set.Complement() : set;
    }

    private PatternNode ParseRepeats(PatternNode part)
    {
        while (true)
        {
            int least, most;
            bool counted = false;
            switch (Current)
            {
                case '*': (least, most) = (0, int.MaxValue); _at++; break;
                case '+': (least, most) = (1, int.MaxValue); _at++; break;
                case '?': (least, most) = (0, 1); _at++; break;
                case '{' when ParseCounts(out least, out most): counted = true; break;
                default: return part;
            }
            RepeatKind kind = RepeatKind.Greedy;
            if (Current == '?')
            {
                kind = RepeatKind.Lazy;
                _at++;
            }
            else if (Current == '+' && !counted)
            {
                // In Ruby's syntax {n,m}+ is a repetition of a repetition, not a possessive one.
                kind = RepeatKind.Possessive;
                _at++;
            }
            part = new PatternNode.Repeat(part, least, most, kind);
        }
    }

    // {n}, {n,}, {,m}, {n,m}; anything else is a literal brace.
    private bool ParseCounts(out int least, out int most)
    {
        int start = _at++;
        int? low = ParseCount();
        int? high = low;
        if (Current == ',')
        {
            _at++;
            high = ParseCount() ?? int.MaxValue;
        }
        least = low ?? 0;
        most = high ?? 0;
        if (Current == '}' && (low is not null || high is not (null or int.MaxValue)))
        {
            _at++;
            if (most < least) throw Error($"the repetition {{{least},{most}}} is empty", start);
            return true;
        }
        _at = start;
        return false;
    }

    private int? ParseCount()
    {
        int start = _at;
        int value = 0;
        for (; Current is >= '0' and <= '9'; _at++)
        {
            value = value * 10 + (Current - '0');
            if (value > 100_000) throw Error("a repetition of more than 100000 is not supported", start);
        }
        return _at > start ? value : null;
    }

    private static CharacterSet One(int character) => CharacterSet.Range(character, character);

    private string Text(int start, int end)
    {
        StringBuilder text = new();
        foreach (int codePoint in _pattern.AsSpan(start, end - start)) text.Append(char.ConvertFromUtf32(codePoint));
        return text.ToString();
    }

    private static string Show(int codePoint) => codePoint < 0 ? "end" : char.ConvertFromUtf32(codePoint);

    private FormatException Error(string problem, int? at = null) =>
        new(string.Create(CultureInfo.InvariantCulture, $"the pattern '{Text(0, _pattern.Length)}' at character {(at ?? _at) + 1}: {problem}"));
}
