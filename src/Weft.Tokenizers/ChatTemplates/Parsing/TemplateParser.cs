namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Parses a whole template.</summary>
internal sealed class TemplateParser(List<TemplateToken> tokens) : ExpressionParser(tokens)
{
    private int _loopDepth;

    /// <summary>The named blocks of the template.</summary>
    private Dictionary<string, Statement.Block> Blocks { get; } = new(StringComparer.Ordinal);

    /// <summary>Parses a template.</summary>
    /// <exception cref="ChatTemplateException">The template is wrong, or uses what does not exist.</exception>
    public static IReadOnlyList<Statement> Parse(string source)
    {
        TemplateParser parser = new(TemplateLexer.Read(source));
        List<Statement> statements = parser.ParseBody([]);
        return statements;
    }

    // Statements up to one of some tags, which is left where it stands; no tags: up to the end of the template.
    private List<Statement> ParseBody(params ReadOnlySpan<string> ends)
    {
        Enter();
        List<Statement> body = [];
        while (true)
        {
            switch (Current.Kind)
            {
                case TemplateTokenKind.Text:
                    body.Add(new Statement.Text(Next().Text));
                    break;
                case TemplateTokenKind.VariableBegin:
                    Next();
                    body.Add(new Statement.Output(ParseTuple()));
                    if (Current.Kind != TemplateTokenKind.VariableEnd) throw Error($"expected '}}}}', found {Current}");
                    Next();
                    break;
                case TemplateTokenKind.BlockBegin:
                    foreach (string end in ends)
                    {
                        if (!Following.IsName(end)) continue;
                        Leave();
                        return body;
                    }
                    Next();
                    body.Add(ParseStatement());
                    break;
                default:
                    if (ends.Length > 0) throw Error($"the template ends where '{ends[^1]}' is expected");
                    Leave();
                    return body;
            }
        }
    }

    private Statement ParseStatement()
    {
        string tag = ExpectName();
        switch (tag)
        {
            case "if": return ParseIf();
            case "for": return ParseFor();
            case "set": return ParseSet();
            case "macro": return ParseMacro();
            case "call": return ParseCall();
            case "filter": return ParseFilterBlock();
            case "with": return ParseWith();
            case "autoescape":
                Expression value = ParseExpression();
                return new Statement.AutoEscape(value, ParseBlock("endautoescape"));
            case "generation": return new Statement.Generation(ParseBlock("endgeneration"));
            case "block": return ParseNamedBlock();
            case "print":
                Expression printed = ParseTuple();
                EndTag();
                return new Statement.Output(printed);
            case "break" or "continue":
                if (_loopDepth == 0) throw new ChatTemplateException("SyntaxError", $"line {Current.Line}: '{tag}' outside a loop");
                EndTag();
                return tag == "break" ? new Statement.Break() : new Statement.Continue();
            case "include" or "import" or "extends" or "from":
                while (Current.Kind is not (TemplateTokenKind.BlockEnd or TemplateTokenKind.End)) Next();
                EndTag();
                return new Statement.Load(tag);
            default: throw Error($"Encountered unknown tag '{tag}'");
        }
    }

    private void EndTag()
    {
        if (Current.Kind != TemplateTokenKind.BlockEnd) throw Error($"expected '%}}', found {Current}");
        Next();
    }

    // The end of the opening tag, a body, and the whole closing tag.
    private List<Statement> ParseBlock(string end)
    {
        EndTag();
        List<Statement> body = ParseBody(end);
        Next();
        Next();
        EndTag();
        return body;
    }

    private Statement.If ParseIf()
    {
        List<(Expression, IReadOnlyList<Statement>)> branches = [];
        List<Statement> otherwise = [];
        ConditionDepth++;
        while (true)
        {
            Expression test = ParseTuple(withCondition: false);
            EndTag();
            branches.Add((test, ParseBody("elif", "else", "endif")));
            Next();
            string tag = Next().Text;
            if (tag == "elif") continue;
            if (tag == "else")
            {
                EndTag();
                otherwise = ParseBody("endif");
                Next();
                Next();
            }
            EndTag();
            ConditionDepth--;
            return new Statement.If(branches, otherwise);
        }
    }

    private Statement.For ParseFor()
    {
        Expression target = ParseTarget(stopsAtIn: true);
        if (!SkipName("in")) throw Error($"expected 'in', found {Current}");
        Expression items = ParseTuple(withCondition: false);
        Expression? filter = SkipName("if") ? ParseExpression() : null;
        bool recursive = SkipName("recursive");
        EndTag();
        _loopDepth++;
        List<Statement> body = ParseBody("endfor", "else");
        _loopDepth--;
        Next();
        List<Statement> otherwise = [];
        if (Next().Text == "else")
        {
            EndTag();
            otherwise = ParseBody("endfor");
            Next();
            Next();
        }
        EndTag();
        return new Statement.For(target, items, filter, recursive, body, otherwise);
    }

    private Statement ParseSet()
    {
        Expression target = ParseTarget(withNamespace: true);
        if (Skip("="))
        {
            Expression value = ParseTuple();
            EndTag();
            return new Statement.Set(target, value);
        }
        Expression.Filter? filter = null;
        while (Skip("|")) filter = ParseFilter(filter);
        return new Statement.SetBlock(target, filter, ParseBlock("endset"));
    }

    // Names, tuples of names, and where allowed a field of a namespace.
    private Expression ParseTarget(bool withNamespace = false, bool stopsAtIn = false)
    {
        Expression target = ParseTuple(item: () => ParseTargetItem(withNamespace), stopsAtIn: stopsAtIn);
        return target is Expression.TupleOf { Items.Count: 0 } ? throw Error("expected a name") : target;
    }

    private Expression ParseTargetItem(bool withNamespace)
    {
        if (Skip("("))
        {
            Expression inner = ParseTuple(explicitParentheses: true, item: () => ParseTargetItem(withNamespace));
            Expect(")");
            return inner;
        }
        string name = ExpectName();
        if (name is "true" or "false" or "none" or "True" or "False" or "None") throw Error($"can't assign to '{name}'");
        if (withNamespace && Skip(".")) return new Expression.Attribute(new Expression.Name(name), ExpectName());
        return new Expression.Name(name);
    }

    private Statement.Macro ParseMacro()
    {
        string name = ExpectName();
        return new Statement.Macro(ParseMacroRest(name, ParseParameters(), "endmacro"));
    }

    private List<(string, Expression?)> ParseParameters()
    {
        List<(string, Expression?)> parameters = [];
        Expect("(");
        while (!Current.IsOperator(")"))
        {
            if (parameters.Count > 0) Expect(",");
            string name = ExpectName();
            Expression? value = null;
            if (Skip("=")) value = ParseExpression();
            else if (parameters.Exists(parameter => parameter.Item2 is not null)) throw Error("non-default argument follows default argument");
            parameters.Add((name, value));
        }
        Expect(")");
        return parameters;
    }

    private MacroDefinition ParseMacroRest(string name, List<(string, Expression?)> parameters, string end)
    {
        HashSet<string> outer = NamesRead;
        int outerLoops = _loopDepth;
        NamesRead = new HashSet<string>(StringComparer.Ordinal);
        _loopDepth = 0;
        List<Statement> body = ParseBlock(end);
        MacroDefinition macro = new(name, parameters, body, NamesRead.Contains("varargs"), NamesRead.Contains("kwargs"), NamesRead.Contains("caller"));
        outer.UnionWith(NamesRead);
        NamesRead = outer;
        _loopDepth = outerLoops;
        return macro;
    }

    private Statement.CallBlock ParseCall()
    {
        List<(string, Expression?)> parameters = Current.IsOperator("(") ? ParseParameters() : [];
        if (ParseExpression() is not Expression.Call call) throw Error("expected a call");
        return new Statement.CallBlock(call, ParseMacroRest("caller", parameters, "endcall"));
    }

    // Nothing inherits here, so a block stands where it stands; self.name() gives it once more.
    private Statement.Block ParseNamedBlock()
    {
        string name = ExpectName();
        while (SkipName("scoped") || SkipName("required")) { }
        EndTag();
        List<Statement> body = ParseBody("endblock");
        Next();
        Next();
        SkipName(name);
        EndTag();
        Statement.Block block = new(name, body);
        if (!Blocks.TryAdd(name, block)) throw Error($"block '{name}' defined twice");
        return block;
    }

    private Statement.FilterBlock ParseFilterBlock()
    {
        Expression.Filter filter = ParseFilter(null);
        while (Skip("|")) filter = ParseFilter(filter);
        return new Statement.FilterBlock(filter, ParseBlock("endfilter"));
    }

    private Statement.With ParseWith()
    {
        List<(Expression, Expression)> values = [];
        while (Current.Kind != TemplateTokenKind.BlockEnd)
        {
            if (values.Count > 0) Expect(",");
            Expression target = ParseTargetItem(false);
            Expect("=");
            values.Add((target, ParseExpression()));
        }
        return new Statement.With(values, ParseBlock("endwith"));
    }
}
