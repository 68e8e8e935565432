namespace Weft.Tokenizers;

/// <summary>Turns places counted in UTF-16 units into places counted in code points.</summary>
internal readonly struct CodePointIndex
{
    private readonly int[]? _index; // null: the text holds no surrogate, and both are the same

    public CodePointIndex(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\ud800', '\udfff')) return;
        _index = new int[text.Length + 1];
        int count = 0;
        for (int i = 0; i < text.Length; i++)
        {
            _index[i] = char.IsLowSurrogate(text[i]) ? count - 1 : count++;
        }
        _index[text.Length] = count;
    }

    /// <summary>The place in code points.</summary>
    public int this[int unit] => _index?[unit] ?? unit;
}
