using System.Globalization;
using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Parses expressions with Jinja's precedences, which are not Python's in every place.</summary>
internal class ExpressionParser(List<TemplateToken> tokens)
{
    // Deeper nesting would overflow the stack; published templates nest about ten deep; each level counts two or three times.
    private const int DeepestNesting = 200;

    private int _at;
    private int _depth;

    /// <summary>The names that expressions read, as a macro needs to know.</summary>
    protected HashSet<string> NamesRead { get; set; } = new(StringComparer.Ordinal);

    /// <summary>How many conditions enclose the place: inside them an unknown filter is an error only when it is reached.</summary>
    protected int ConditionDepth { get; set; }

    protected TemplateToken Current => tokens[_at];

    protected TemplateToken Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    protected TemplateToken Next() => tokens[_at == tokens.Count - 1 ? _at : _at++];

    protected ChatTemplateException Error(string problem) => ChatTemplateException.Syntax(problem, Current.Line);

    protected bool Skip(string op)
    {
        if (!Current.IsOperator(op)) return false;
        Next();
        return true;
    }

    protected bool SkipName(string name)
    {
        if (!Current.IsName(name)) return false;
        Next();
        return true;
    }

    protected void Expect(string op)
    {
        if (!Skip(op)) throw Error($"expected '{op}', found {Current}");
    }

    protected string ExpectName() => Current.Kind == TemplateTokenKind.Name ? Next().Text : throw Error($"expected a name, found {Current}");

    protected void Enter()
    {
        if (++_depth > DeepestNesting) throw Error("the template nests too deeply");
    }

    protected void Leave() => _depth--;

    /// <summary>A whole expression.</summary>
    public Expression ParseExpression()
    {
        Enter();
        Expression value = ParseOr();
        while (SkipName("if"))
        {
            Expression test = ParseOr();
            Expression? otherwise = SkipName("else") ? ParseExpression() : null;
            value = new Expression.Condition(test, value, otherwise);
        }
        Leave();
        return value;
    }

    /// <summary>An expression, or several with commas between, which are a tuple.</summary>
    public Expression ParseTuple(bool explicitParentheses = false, Func<Expression>? item = null, bool stopsAtIn = false, bool withCondition = true)
    {
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0) Expect(",");
            if (Current.Kind is TemplateTokenKind.BlockEnd or TemplateTokenKind.VariableEnd || Current.IsOperator(")") || (stopsAtIn && Current.IsName("in"))) break;
            items.Add(item is not null ? item() : withCondition ? ParseExpression() : ParseOr());
            if (!Current.IsOperator(",")) break;
            isTuple = true;
        }
        if (!isTuple)
        {
            if (items.Count > 0) return items[0];
            if (!explicitParentheses) throw Error($"expected an expression, found {Current}");
        }
        return new Expression.TupleOf(items);
    }

    /// <summary>The arguments of a call; the parenthesis stands at this place.</summary>
    protected CallArguments ParseArguments()
    {
        Expect("(");
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? star = null;
        Expression? doubleStar = null;
        for (bool first = true; !Current.IsOperator(")"); first = false)
        {
            if (!first)
            {
                Expect(",");
                if (Current.IsOperator(")")) break;
            }
            if (Skip("*"))
            {
                if (star is not null || doubleStar is not null) throw Error("invalid syntax for function call expression");
                star = ParseExpression();
            }
            else if (Skip("**"))
            {
                if (doubleStar is not null) throw Error("invalid syntax for function call expression");
                doubleStar = ParseExpression();
            }
            else if (Current.Kind == TemplateTokenKind.Name && Following.IsOperator("="))
            {
                string name = Next().Text;
                Next();
                named.Add((name, ParseExpression()));
            }
            else
            {
                if (star is not null || doubleStar is not null || named.Count > 0) throw Error("a positional argument follows a named one");
                positional.Add(ParseExpression());
            }
        }
        Expect(")");
        return new CallArguments(positional, named, star, doubleStar);
    }

    /// <summary>One filter behind the operand; its name stands at this place.</summary>
    protected Expression.Filter ParseFilter(Expression? operand)
    {
        string id = ParseDottedName();
        if (!TemplateFilters.Exists(id) && ConditionDepth == 0) throw new ChatTemplateException("TemplateAssertionError", $"line {Current.Line}: No filter named '{id}'.");
        return new Expression.Filter(operand, id, Current.IsOperator("(") ? ParseArguments() : CallArguments.None);
    }

    /// <summary>A primary expression with attributes, items, calls, filters and tests behind it.</summary>
    public Expression ParseUnary(bool withFilter = true)
    {
        Enter();
        Expression value = Skip("-") ? new Expression.Unary("-", ParseUnary(false))
            : Skip("+") ? new Expression.Unary("+", ParseUnary(false))
            : ParsePrimary();
        value = ParsePostfix(value);
        if (withFilter) value = ParseFiltersAndTests(value);
        Leave();
        return value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (SkipName("or")) left = new Expression.Binary("or", left, ParseAnd());
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (SkipName("and")) left = new Expression.Binary("and", left, ParseNot());
        return left;
    }

    private Expression ParseNot()
    {
        if (!Current.IsName("not")) return ParseCompare();
        Next();
        Enter();
        Expression operand = ParseNot();
        Leave();
        return new Expression.Unary("not", operand);
    }

    private Expression ParseCompare()
    {
        Expression first = ParseSum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            if (Current.Kind == TemplateTokenKind.Operator && Current.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                string op = Next().Text;
                rest.Add((op, ParseSum()));
            }
            else if (SkipName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (Current.IsName("not") && Following.IsName("in"))
            {
                Next();
                Next();
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : new Expression.Compare(first, rest);
            }
        }
    }

    private Expression ParseSum() => ParseBinary(ParseConcatenation, "+", "-");

    private Expression ParseConcatenation() => ParseBinary(ParseProduct, "~");

    private Expression ParseProduct() => ParseBinary(ParsePower, "*", "/", "//", "%");

    // Left associative, and weaker than a sign: both unlike Python.
    private Expression ParsePower() => ParseBinary(() => ParseUnary(), "**");

    private Expression ParseBinary(Func<Expression> operand, params ReadOnlySpan<string> operators)
    {
        Expression left = operand();
        while (Current.Kind == TemplateTokenKind.Operator && operators.Contains(Current.Text))
        {
            string op = Next().Text;
            left = new Expression.Binary(op, left, operand());
        }
        return left;
    }

    private Expression ParsePrimary()
    {
        TemplateToken token = Current;
        switch (token.Kind)
        {
            case TemplateTokenKind.Name:
                Next();
                switch (token.Text)
                {
                    case "true" or "True": return new Expression.Constant(true);
                    case "false" or "False": return new Expression.Constant(false);
                    case "none" or "None": return new Expression.Constant(null);
                }
                NamesRead.Add(token.Text);
                return new Expression.Name(token.Text);
            case TemplateTokenKind.String:
                string text = Next().Text;
                while (Current.Kind == TemplateTokenKind.String) text += Next().Text;
                return new Expression.Constant(text);
            case TemplateTokenKind.Integer: return new Expression.Constant(ReadInteger(Next().Text));
            case TemplateTokenKind.Float: return new Expression.Constant(double.Parse(Next().Text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
        }
        if (Skip("("))
        {
            Expression tuple = ParseTuple(explicitParentheses: true);
            Expect(")");
            return tuple;
        }
        if (Skip("[")) return new Expression.ListOf(ParseItems("]", ParseExpression));
        if (Skip("{"))
        {
            return new Expression.DictionaryOf(ParseItems("}", () =>
            {
                Expression key = ParseExpression();
                Expect(":");
                return (key, ParseExpression());
            }));
        }
        throw Error($"unexpected {token}");
    }

    private List<T> ParseItems<T>(string close, Func<T> item)
    {
        List<T> items = [];
        while (!Current.IsOperator(close))
        {
            if (items.Count > 0) Expect(",");
            if (Current.IsOperator(close)) break;
            items.Add(item());
        }
        Expect(close);
        return items;
    }

    private static BigInteger ReadInteger(string text)
    {
        text = text.Replace("_", "", StringComparison.Ordinal);
        if (text.Length > 4000) throw ChatTemplateException.Value("a number has too many digits");
        int numberBase = text.Length > 2 ? char.ToLowerInvariant(text[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 } : 10;
        if (numberBase == 10) return BigInteger.Parse(text, CultureInfo.InvariantCulture);
        BigInteger value = 0;
        foreach (char digit in text.AsSpan(2)) value = value * numberBase + Convert.ToInt32(digit.ToString(), 16);
        return value;
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            if (Current.IsOperator(".") || Current.IsOperator("[")) value = ParseSubscript(value);
            else if (Current.IsOperator("(")) value = new Expression.Call(value, ParseArguments());
            else return value;
        }
    }

    private Expression ParseSubscript(Expression owner)
    {
        if (Skip("."))
        {
            if (Current.Kind == TemplateTokenKind.Name) return new Expression.Attribute(owner, Next().Text);
            if (Current.Kind == TemplateTokenKind.Integer) return new Expression.Item(owner, new Expression.Constant(ReadInteger(Next().Text)));
            throw Error($"expected a name or number, found {Current}");
        }
        Expect("[");
        List<Expression> keys = ParseItems("]", ParseSubscriptItem);
        if (keys.Count == 0) throw Error("expected a subscript");
        return new Expression.Item(owner, keys.Count == 1 ? keys[0] : new Expression.TupleOf(keys));
    }

    private Expression ParseSubscriptItem()
    {
        Expression? start = null;
        if (!Current.IsOperator(":"))
        {
            start = ParseExpression();
            if (!Current.IsOperator(":")) return start;
        }
        Expect(":");
        Expression? stop = Current.IsOperator(":") || Current.IsOperator("]") || Current.IsOperator(",") ? null : ParseExpression();
        Expression? step = Skip(":") && !Current.IsOperator("]") && !Current.IsOperator(",") ? ParseExpression() : null;
        return new Expression.Slice(start, stop, step);
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            if (Skip("|")) value = ParseFilter(value);
            else if (SkipName("is")) value = ParseTest(value);
            else if (Current.IsOperator("(")) value = new Expression.Call(value, ParseArguments());
            else return value;
        }
    }

    private Expression ParseTest(Expression operand)
    {
        bool negated = SkipName("not");
        string id = ParseDottedName();
        if (!TemplateTests.Exists(id) && ConditionDepth == 0) throw new ChatTemplateException("TemplateAssertionError", $"line {Current.Line}: No test named '{id}'.");
        CallArguments arguments = CallArguments.None;
        if (Current.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (Current.Kind is TemplateTokenKind.Name or TemplateTokenKind.String or TemplateTokenKind.Integer or TemplateTokenKind.Float
            || Current.IsOperator("[") || Current.IsOperator("{"))
        {
            bool ends = Current.IsName("else") || Current.IsName("or") || Current.IsName("and") || Current.IsName("if") || Current.IsName("in") || Current.IsName("not");
            if (Current.IsName("is")) throw Error("You cannot chain multiple tests with is");
            if (!ends) arguments = new CallArguments([ParsePostfix(ParsePrimary())], [], null, null);
        }
        Expression test = new Expression.Test(operand, id, arguments);
        return negated ? new Expression.Unary("not", test) : test;
    }

    private string ParseDottedName()
    {
        string name = ExpectName();
        while (Skip(".")) name += "." + ExpectName();
        return name;
    }
}
