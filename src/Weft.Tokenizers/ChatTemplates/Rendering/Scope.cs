namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Names and what they stand for; what is not here may be further out.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => _values[name] = value;

    public bool TryGet(string name, out object? value)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
            if (scope._values.TryGetValue(name, out value))
                return true;
        value = null;
        return false;
    }

    private Scope? Outer => outer;
}
