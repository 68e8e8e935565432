namespace Weft.Tokenizers.ChatTemplates;

/// <summary>The kinds of tokens in a template.</summary>
internal enum TemplateTokenKind { Text, BlockBegin, BlockEnd, VariableBegin, VariableEnd, Name, String, Integer, Float, Operator, End }

/// <summary>A token, its text (strings with their escapes resolved), and its line.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line)
{
    public bool IsOperator(string text) => Kind == TemplateTokenKind.Operator && Text == text;

    public bool IsName(string text) => Kind == TemplateTokenKind.Name && Text == text;

    public override string ToString() => Kind switch
    {
        TemplateTokenKind.End => "the end of the template",
        TemplateTokenKind.BlockEnd => "'%}'",
        TemplateTokenKind.VariableEnd => "'}}'",
        _ => $"'{Text}'",
    };
}
