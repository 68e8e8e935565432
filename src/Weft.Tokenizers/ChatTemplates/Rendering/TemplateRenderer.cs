using System.Runtime.CompilerServices;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Runs a parsed template. Bounded: in steps, in the length of the text, and in the depth of calls.</summary>
internal sealed class TemplateRenderer
{
    // A published template on a conversation of a thousand messages takes some ten thousand steps.
    private const long MostSteps = 20_000_000;
    private const int LongestText = 50_000_000;
    private const int DeepestCalls = 400;

    private readonly List<(int Start, int End)> _generated = [];
    private StringBuilder _out = new();
    private int _captures;
    private long _steps;
    private int _depth;
    private bool _escapes;

    private enum Flow { Normal, Break, Continue }

    /// <summary>Where text stands that <c>generation</c> blocks wrote.</summary>
    public IReadOnlyList<(int Start, int End)> Generated => _generated;

    /// <summary>The text of a template.</summary>
    public string Render(IReadOnlyList<Statement> statements, Scope scope)
    {
        scope.Set("self", new TemplateObject(name => FindBlock(statements, name) is Statement.Block block
            ? (true, new Callable(name, _ => Captured(() => Enter(() => { Run(block.Body, new Scope(scope)); }))))
            : (false, null), "<TemplateReference>"));
        Run(statements, scope);
        return _out.ToString();
    }

    private static Statement.Block? FindBlock(IReadOnlyList<Statement> statements, string name)
    {
        foreach (Statement statement in statements)
        {
            if (statement is not Statement.Block block) continue;
            if (block.Id == name) return block;
            if (FindBlock(block.Body, name) is Statement.Block inner) return inner;
        }
        return null;
    }

    private Flow Run(IReadOnlyList<Statement> statements, Scope scope)
    {
        foreach (Statement statement in statements)
        {
            Flow flow = Run(statement, scope);
            if (flow != Flow.Normal) return flow;
        }
        return Flow.Normal;
    }

    private Flow Run(Statement statement, Scope scope)
    {
        CountStep();
        switch (statement)
        {
            case Statement.Text text: Write(text.Content); break;
            case Statement.Output output: Write(Shown(Evaluate(output.Value, scope))); break;
            case Statement.If choice:
                foreach ((Expression test, IReadOnlyList<Statement> body) in choice.Branches)
                    if (PythonValue.IsTrue(Evaluate(test, scope)))
                        return Run(body, scope);
                return Run(choice.Else, scope);
            case Statement.For loop: RunFor(loop, Evaluate(loop.Items, scope), scope, 0); break;
            case Statement.Set set: Assign(set.Target, Evaluate(set.Value, scope), scope); break;
            case Statement.SetBlock set:
                object? captured = Captured(() => Run(set.Body, new Scope(scope)));
                Assign(set.Target, set.Filter is null ? captured : EvaluateFilter(set.Filter, captured, scope), scope);
                break;
            case Statement.Macro macro: scope.Set(macro.Definition.Id, MakeMacro(macro.Definition, scope)); break;
            case Statement.CallBlock block:
                Arguments arguments = EvaluateArguments(block.Call.Arguments, scope);
                arguments = arguments with { Named = [.. arguments.Named, ("caller", MakeMacro(block.Caller, scope))] };
                Write(Shown(Call(Evaluate(block.Call.Function, scope), arguments)));
                break;
            case Statement.FilterBlock block:
                object? inner = Captured(() => Run(block.Body, new Scope(scope)));
                Write(Shown(EvaluateFilter(block.Filter, inner, scope)));
                break;
            case Statement.With with:
                Scope inside = new(scope);
                foreach ((Expression target, Expression value) in with.Values) Assign(target, Evaluate(value, scope), inside);
                return Run(with.Body, inside);
            case Statement.AutoEscape block:
                bool before = _escapes;
                _escapes = PythonValue.IsTrue(Evaluate(block.Value, scope));
                Flow escaped = Run(block.Body, new Scope(scope));
                _escapes = before;
                return escaped;
            case Statement.Generation block:
                int start = _out.Length;
                Flow flow = Run(block.Body, new Scope(scope));
                if (_captures == 0) _generated.Add((start, _out.Length));
                return flow;
            case Statement.Block block:
                Run(block.Body, new Scope(scope));
                break;
            case Statement.Break: return Flow.Break;
            case Statement.Continue: return Flow.Continue;
            case Statement.Load: throw ChatTemplateException.Type("no loader for this environment specified");
        }
        return Flow.Normal;
    }

    private void RunFor(Statement.For loop, object? items, Scope scope, int depth)
    {
        List<object?> kept = [];
        foreach (object? item in PythonValue.Iterate(items))
        {
            CountStep();
            if (loop.Filter is not null)
            {
                Scope test = new(scope);
                Assign(loop.Target, item, test);
                if (!PythonValue.IsTrue(Evaluate(loop.Filter, test))) continue;
            }
            kept.Add(item);
        }
        if (kept.Count == 0)
        {
            Run(loop.Else, new Scope(scope));
            return;
        }
        LoopState state = new(kept, depth, loop.Recursive
            ? arguments => Captured(() => Enter(() => RunFor(loop, arguments.Bind("loop", ("iterable", Arguments.Required))[0], scope, depth + 1)))
            : null);
        for (state.Index = 0; state.Index < kept.Count; state.Index++)
        {
            Scope turn = new(scope);
            turn.Set("loop", state.Object);
            Assign(loop.Target, kept[state.Index], turn);
            if (Run(loop.Body, turn) == Flow.Break) break;
        }
    }

    private void Assign(Expression target, object? value, Scope scope)
    {
        switch (target)
        {
            case Expression.Name name: scope.Set(name.Id, value); break;
            case Expression.Attribute { Owner: Expression.Name owner } field:
                if (!scope.TryGet(owner.Id, out object? space) || space is not TemplateNamespace found)
                    throw new ChatTemplateException("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
                found.Fields[field.Id] = value;
                break;
            case Expression.TupleOf tuple:
                object?[] items = [.. value is Undefined undefined ? throw undefined.Error() : PythonValue.Iterate(value)];
                if (items.Length > tuple.Items.Count) throw ChatTemplateException.Value($"too many values to unpack (expected {tuple.Items.Count})");
                if (items.Length < tuple.Items.Count) throw ChatTemplateException.Value($"not enough values to unpack (expected {tuple.Items.Count}, got {items.Length})");
                for (int i = 0; i < items.Length; i++) Assign(tuple.Items[i], items[i], scope);
                break;
        }
    }

    private TemplateObject MakeMacro(MacroDefinition macro, Scope scope) => new(
        name => name switch
        {
            "name" => (true, macro.Id),
            "arguments" => (true, new PythonTuple(macro.Parameters.Select(parameter => (object?)parameter.Name))),
            "catch_kwargs" => (true, macro.UsesKwargs),
            "catch_varargs" => (true, macro.UsesVarargs),
            "caller" => (true, macro.UsesCaller),
            _ => (false, null),
        },
        $"<Macro '{macro.Id}'>")
    {
        Call = arguments => Enter(() => RunMacro(macro, scope, arguments)),
    };

    private object RunMacro(MacroDefinition macro, Scope scope, Arguments arguments)
    {
        Scope inside = new(scope);
        Dictionary<string, object?> named = new(StringComparer.Ordinal);
        foreach ((string name, object? value) in arguments.Named)
            if (!named.TryAdd(name, value))
                throw ChatTemplateException.Type($"macro '{macro.Id}' got multiple values for argument '{name}'");
        for (int i = 0; i < macro.Parameters.Count; i++)
        {
            (string name, Expression? fallback) = macro.Parameters[i];
            if (i < arguments.Positional.Count)
            {
                if (named.ContainsKey(name)) throw ChatTemplateException.Type($"macro '{macro.Id}' got multiple values for argument '{name}'");
                inside.Set(name, arguments.Positional[i]);
            }
            else if (named.Remove(name, out object? value))
            {
                inside.Set(name, value);
            }
            else
            {
                inside.Set(name, fallback is null ? new Undefined($"parameter '{name}' was not provided") : Evaluate(fallback, inside));
            }
        }
        bool ownsCaller = macro.Parameters.Any(parameter => parameter.Name == "caller");
        if (macro.UsesCaller && !ownsCaller) inside.Set("caller", named.Remove("caller", out object? caller) ? caller : new Undefined("No caller defined"));
        if (macro.UsesKwargs)
        {
            PythonDictionary rest = new();
            foreach ((string name, object? value) in named) rest.Set(name, value);
            inside.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw ChatTemplateException.Type(named.ContainsKey("caller")
                ? $"macro '{macro.Id}' was invoked with two values for the special caller argument. This is most likely a bug."
                : $"macro '{macro.Id}' takes no keyword argument '{named.Keys.First()}'");
        }
        if (macro.UsesVarargs) inside.Set("varargs", new PythonTuple(arguments.Positional.Skip(macro.Parameters.Count)));
        else if (arguments.Positional.Count > macro.Parameters.Count) throw ChatTemplateException.Type($"macro '{macro.Id}' takes not more than {macro.Parameters.Count} argument(s)");
        return Captured(() => Run(macro.Body, inside));
    }

    private object Captured(Action run)
    {
        StringBuilder outer = _out;
        _out = new StringBuilder();
        _captures++;
        try
        {
            run();
            string text = _out.ToString();
            return _escapes ? new Markup(text) : text;
        }
        finally
        {
            _out = outer;
            _captures--;
        }
    }

    private void Enter(Action run) => Enter<object?>(() =>
    {
        run();
        return null;
    });

    private T Enter<T>(Func<T> run)
    {
        if (++_depth > DeepestCalls || !RuntimeHelpers.TryEnsureSufficientExecutionStack()) throw new ChatTemplateException("RecursionError", "maximum recursion depth exceeded");
        T result = run();
        _depth--;
        return result;
    }

    private void CountStep()
    {
        if (++_steps > MostSteps) throw new ChatTemplateException("RuntimeError", $"the template takes more than {MostSteps} steps");
    }

    private void Write(string text)
    {
        if (_out.Length + (long)text.Length > LongestText) throw new ChatTemplateException("MemoryError", $"the text is longer than {LongestText} characters");
        _out.Append(text);
    }

    private string Shown(object? value)
    {
        string text = PythonValue.ToText(value);
        return _escapes && value is not Markup ? Html.Escape(text) : text;
    }

    private object? Evaluate(Expression expression, Scope scope)
    {
        CountStep();
        switch (expression)
        {
            case Expression.Constant constant: return constant.Value;
            case Expression.Name name: return scope.TryGet(name.Id, out object? value) ? value : Undefined.Named(name.Id);
            case Expression.ListOf list: return new PythonList(list.Items.Select(item => Evaluate(item, scope)));
            case Expression.TupleOf tuple: return new PythonTuple(tuple.Items.Select(item => Evaluate(item, scope)));
            case Expression.DictionaryOf dictionary:
                PythonDictionary result = new();
                foreach ((Expression key, Expression item) in dictionary.Items) result.Set(Evaluate(key, scope), Evaluate(item, scope));
                return result;
            case Expression.Unary unary: return PythonArithmetic.Unary(unary.Operator, Evaluate(unary.Operand, scope));
            case Expression.Binary { Operator: "and" } both:
                object? first = Evaluate(both.Left, scope);
                return PythonValue.IsTrue(first) ? Evaluate(both.Right, scope) : first;
            case Expression.Binary { Operator: "or" } either:
                object? left = Evaluate(either.Left, scope);
                return PythonValue.IsTrue(left) ? left : Evaluate(either.Right, scope);
            case Expression.Binary binary: return EvaluateBinary(binary, scope);
            case Expression.Compare compare: return EvaluateCompare(compare, scope);
            case Expression.Condition condition:
                if (PythonValue.IsTrue(Evaluate(condition.When, scope))) return Evaluate(condition.Then, scope);
                return condition.Else is null ? new Undefined("the inline if-expression evaluated to false and no else section was defined.") : Evaluate(condition.Else, scope);
            case Expression.Attribute attribute: return TemplateAccess.Attribute(Evaluate(attribute.Owner, scope), attribute.Id);
            case Expression.Item { Key: Expression.Slice slice } item:
                return PythonSlices.Slice(Evaluate(item.Owner, scope), Optional(slice.Start), Optional(slice.Stop), Optional(slice.Step));
            case Expression.Item item: return TemplateAccess.Item(Evaluate(item.Owner, scope), Evaluate(item.Key, scope));
            case Expression.Call call: return Call(Evaluate(call.Function, scope), EvaluateArguments(call.Arguments, scope));
            case Expression.Filter filter: return EvaluateFilter(filter, null, scope);
            case Expression.Test test: return TemplateTests.Run(test.Id, Evaluate(test.Operand, scope), EvaluateArguments(test.Arguments, scope));
            default: throw ChatTemplateException.Type("a slice stands where a value is expected");
        }

        object? Optional(Expression? part) => part is null ? null : Evaluate(part, scope);
    }

    // Long chains of + lean to the left; walking down them in a loop keeps the stack flat.
    private object? EvaluateBinary(Expression.Binary binary, Scope scope)
    {
        Stack<Expression.Binary> chain = new();
        Expression leftmost = binary;
        while (leftmost is Expression.Binary { Operator: not ("and" or "or") } next)
        {
            chain.Push(next);
            leftmost = next.Left;
        }
        object? value = Evaluate(leftmost, scope);
        foreach (Expression.Binary step in chain)
        {
            object? right = Evaluate(step.Right, scope);
            value = _escapes && step.Operator == "~" && (value is Markup || right is Markup) ? new Markup(Shown(value) + Shown(right)) : PythonArithmetic.Binary(step.Operator, value, right);
        }
        return value;
    }

    private object? EvaluateCompare(Expression.Compare compare, Scope scope)
    {
        object? left = Evaluate(compare.First, scope);
        foreach ((string op, Expression operand) in compare.Rest)
        {
            object? right = Evaluate(operand, scope);
            if (!TemplateTests.Compare(op, left, right)) return false;
            left = right;
        }
        return true;
    }

    private object? EvaluateFilter(Expression.Filter filter, object? block, Scope scope)
    {
        // Inside a filter block the innermost filter has no operand: it gets the block's text.
        object? operand = filter.Operand switch
        {
            null => block,
            Expression.Filter inner => EvaluateFilter(inner, block, scope),
            Expression other => Evaluate(other, scope),
        };
        return TemplateFilters.Run(filter.Id, operand, EvaluateArguments(filter.Arguments, scope));
    }

    private Arguments EvaluateArguments(CallArguments arguments, Scope scope)
    {
        if (ReferenceEquals(arguments, CallArguments.None)) return Arguments.None;
        List<object?> positional = [.. arguments.Positional.Select(item => Evaluate(item, scope))];
        List<(string, object?)> named = [.. arguments.Named.Select(item => (item.Name, Evaluate(item.Value, scope)))];
        if (arguments.Star is not null) positional.AddRange(PythonValue.Iterate(Evaluate(arguments.Star, scope)));
        if (arguments.DoubleStar is not null)
        {
            if (Evaluate(arguments.DoubleStar, scope) is not PythonDictionary dictionary) throw ChatTemplateException.Type("argument after ** must be a mapping");
            foreach ((object? key, object? value) in dictionary.Items) named.Add((PythonValue.Text(key) ?? throw ChatTemplateException.Type("keywords must be strings"), value));
        }
        return new Arguments(positional, named);
    }

    private static object? Call(object? function, Arguments arguments) => function switch
    {
        Undefined undefined => throw undefined.Error(),
        Callable callable => callable.Function(arguments),
        TemplateObject { Call: Func<Arguments, object?> call } => call(arguments),
        _ => throw ChatTemplateException.Type($"'{PythonValue.TypeName(function)}' object is not callable"),
    };
}
