namespace Weft.Tokenizers.ChatTemplates;

/// <summary>A part of a template that has a value.</summary>
internal abstract record Expression
{
    public sealed record Constant(object? Value) : Expression;
    public sealed record Name(string Id) : Expression;
    public sealed record ListOf(IReadOnlyList<Expression> Items) : Expression;
    public sealed record TupleOf(IReadOnlyList<Expression> Items) : Expression;
    public sealed record DictionaryOf(IReadOnlyList<(Expression Key, Expression Value)> Items) : Expression;
    public sealed record Unary(string Operator, Expression Operand) : Expression;
    public sealed record Binary(string Operator, Expression Left, Expression Right) : Expression;
    public sealed record Compare(Expression First, IReadOnlyList<(string Operator, Expression Operand)> Rest) : Expression;
    public sealed record Condition(Expression When, Expression Then, Expression? Else) : Expression;
    public sealed record Attribute(Expression Owner, string Id) : Expression;
    public sealed record Item(Expression Owner, Expression Key) : Expression;
    public sealed record Slice(Expression? Start, Expression? Stop, Expression? Step) : Expression;
    public sealed record Call(Expression Function, CallArguments Arguments) : Expression;
    public sealed record Filter(Expression? Operand, string Id, CallArguments Arguments) : Expression;
    public sealed record Test(Expression Operand, string Id, CallArguments Arguments) : Expression;
}

/// <summary>The arguments of a call as they are written.</summary>
internal sealed record CallArguments(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? Star, Expression? DoubleStar)
{
    public static CallArguments None { get; } = new([], [], null, null);
}

/// <summary>A part of a template that does something.</summary>
internal abstract record Statement
{
    public sealed record Text(string Content) : Statement;
    public sealed record Output(Expression Value) : Statement;
    public sealed record If(IReadOnlyList<(Expression Test, IReadOnlyList<Statement> Body)> Branches, IReadOnlyList<Statement> Else) : Statement;
    public sealed record For(Expression Target, Expression Items, Expression? Filter, bool Recursive, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Else) : Statement;
    public sealed record Set(Expression Target, Expression Value) : Statement;
    public sealed record SetBlock(Expression Target, Expression.Filter? Filter, IReadOnlyList<Statement> Body) : Statement;
    public sealed record Macro(MacroDefinition Definition) : Statement;
    public sealed record CallBlock(Expression.Call Call, MacroDefinition Caller) : Statement;
    public sealed record FilterBlock(Expression.Filter Filter, IReadOnlyList<Statement> Body) : Statement;
    public sealed record With(IReadOnlyList<(Expression Target, Expression Value)> Values, IReadOnlyList<Statement> Body) : Statement;
    public sealed record AutoEscape(Expression Value, IReadOnlyList<Statement> Body) : Statement;
    public sealed record Generation(IReadOnlyList<Statement> Body) : Statement;
    public sealed record Block(string Id, IReadOnlyList<Statement> Body) : Statement;
    public sealed record Break : Statement;
    public sealed record Continue : Statement;
    public sealed record Load(string Tag) : Statement;
}

/// <summary>A macro: its name, its parameters with their defaults, its body, and which extra arguments it looks at.</summary>
internal sealed record MacroDefinition(
    string Id, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body, bool UsesVarargs, bool UsesKwargs, bool UsesCaller);
