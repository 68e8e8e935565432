namespace Weft.Tokenizers.Tests;

/// <summary>Collects what differs, so that one run shows all of it.</summary>
internal sealed class Mismatches
{
    private readonly List<string> _list = [];

    public int Compared { get; private set; }

    public void Compare(string what, int expected, int actual) => Compare(what, expected.ToString(System.Globalization.CultureInfo.InvariantCulture), actual.ToString(System.Globalization.CultureInfo.InvariantCulture));

    public void Compare(string what, string? expected, string? actual)
    {
        Compared++;
        if (expected != actual) _list.Add($"{what}: expected {expected}, got {actual}");
    }

    public void Compare(string what, IEnumerable<int> expected, IEnumerable<int> actual) =>
        Compare(what, string.Join(',', expected), string.Join(',', actual));

    public void Add(string what) => _list.Add(what);

    public void AssertNone()
    {
        Assert.True(Compared > 0, "nothing was compared");
        Assert.True(_list.Count == 0, $"{_list.Count} of {Compared} differ:\n{string.Join('\n', _list.Take(40).Select(line => line.Length > 600 ? line[..600] : line))}");
    }
}
