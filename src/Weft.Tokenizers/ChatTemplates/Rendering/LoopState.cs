using System.Numerics;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>What <c>loop</c> is inside a <c>for</c>.</summary>
internal sealed class LoopState
{
    private readonly IReadOnlyList<object?> _items;
    private readonly int _depth;
    private PythonTuple? _lastChecked;

    public LoopState(IReadOnlyList<object?> items, int depth, Func<Arguments, object?>? recurse)
    {
        _items = items;
        _depth = depth;
        Object = new TemplateObject(Field, "<LoopContext>") { Call = recurse };
    }

    /// <summary>The value that templates see.</summary>
    public TemplateObject Object { get; }

    /// <summary>The turn that runs, from 0.</summary>
    public int Index { get; set; }

    private (bool, object?) Field(string name) => name switch
    {
        "index" => (true, new BigInteger(Index + 1)),
        "index0" => (true, new BigInteger(Index)),
        "revindex" => (true, new BigInteger(_items.Count - Index)),
        "revindex0" => (true, new BigInteger(_items.Count - Index - 1)),
        "first" => (true, Index == 0),
        "last" => (true, Index == _items.Count - 1),
        "length" => (true, new BigInteger(_items.Count)),
        "depth" => (true, new BigInteger(_depth + 1)),
        "depth0" => (true, new BigInteger(_depth)),
        "previtem" => (true, Index > 0 ? _items[Index - 1] : new Undefined("there is no previous item")),
        "nextitem" => (true, Index + 1 < _items.Count ? _items[Index + 1] : new Undefined("there is no next item")),
        "cycle" => (true, new Callable(name, arguments => arguments.Positional.Count > 0
            ? arguments.Positional[Index % arguments.Positional.Count]
            : throw ChatTemplateException.Type("no items for cycling given"))),
        "changed" => (true, new Callable(name, Changed)),
        _ => (false, null),
    };

    private object? Changed(Arguments arguments)
    {
        PythonTuple now = new(arguments.Positional);
        bool same = _lastChecked is not null && PythonValue.AreEqual(_lastChecked, now);
        _lastChecked = now;
        return !same;
    }
}
