namespace Weft.Tokenizers;

/// <summary>Finds all tokens that a text begins with.</summary>
/// <remarks>Nodes are numbered; the children of all nodes stand in one open-addressing table under (node, UTF-16 unit).</remarks>
internal sealed class TokenTrie
{
    private ulong[] _keys = new ulong[1024]; // (node + 1) << 16 | unit; 0: free
    private int[] _children = new int[1024];
    private int _used;
    private readonly List<int> _ids = [-1]; // by node: the token that ends here, or -1

    /// <summary>Adds a token; a later one of the same text wins.</summary>
    public void Add(ReadOnlySpan<char> token, int id)
    {
        int node = 0;
        foreach (char unit in token)
        {
            int slot = Slot(node, unit);
            if (_keys[slot] == 0)
            {
                if (_used * 2 >= _keys.Length)
                {
                    Grow();
                    slot = Slot(node, unit);
                }
                _keys[slot] = Key(node, unit);
                _children[slot] = _ids.Count;
                _ids.Add(-1);
                _used++;
            }
            node = _children[slot];
        }
        _ids[node] = id;
    }

    /// <summary>The node below a node, or -1. The root is node 0.</summary>
    public int Child(int node, char unit)
    {
        int slot = Slot(node, unit);
        return _keys[slot] == 0 ? -1 : _children[slot];
    }

    /// <summary>The token that ends at a node, or -1.</summary>
    public int IdAt(int node) => _ids[node];

    /// <summary>The length of the longest token that a text begins with, or 0.</summary>
    public int LongestPrefix(ReadOnlySpan<char> text, out int id)
    {
        id = -1;
        int length = 0;
        int node = 0;
        for (int i = 0; i < text.Length && (node = Child(node, text[i])) >= 0; i++)
        {
            if (_ids[node] < 0) continue;
            id = _ids[node];
            length = i + 1;
        }
        return length;
    }

    private static ulong Key(int node, char unit) => (ulong)(uint)(node + 1) << 16 | unit;

    private int Slot(int node, char unit)
    {
        ulong key = Key(node, unit);
        int mask = _keys.Length - 1;
        int slot = (int)((key * 0x9E3779B97F4A7C15) >> 40) & mask;
        while (_keys[slot] != 0 && _keys[slot] != key) slot = (slot + 1) & mask;
        return slot;
    }

    private void Grow()
    {
        (ulong[] keys, int[] children) = (_keys, _children);
        _keys = new ulong[keys.Length * 2];
        _children = new int[keys.Length * 2];
        for (int i = 0; i < keys.Length; i++)
        {
            if (keys[i] == 0) continue;
            int slot = Slot((int)(keys[i] >> 16) - 1, (char)(keys[i] & 0xFFFF));
            _keys[slot] = keys[i];
            _children[slot] = children[i];
        }
    }
}
