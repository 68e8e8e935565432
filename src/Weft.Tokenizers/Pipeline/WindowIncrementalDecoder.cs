namespace Weft.Tokenizers;

/// <summary>Incremental decoding for any decoder: decodes a short window of tokens again and gives out what is new at its end.</summary>
/// <remarks>
/// A decoder may change what came before, for example put a space between words, so that a token alone does not say what its text
/// is. The window begins at the last token after which the text was complete.
/// </remarks>
internal sealed class WindowIncrementalDecoder(Tokenizer tokenizer, bool skipSpecial) : IncrementalDecoder
{
    private readonly List<int> _window = [];
    private string _known = "";  // the text of the first _knownCount tokens of the window
    private int _knownCount;
    private string _pending = "";

    /// <summary>Bytes that never become a character pile up, at most so many at a time, before they are given out as they are.</summary>
    public override int MaximumLength => 4096;

    public override int Append(int id, Span<char> destination)
    {
        if (destination.Length < MaximumLength) throw new ArgumentException($"The destination holds {destination.Length} UTF-16 units; {MaximumLength} may be needed.", nameof(destination));
        string text = Append(id);
        if (text.Length <= MaximumLength)
        {
            text.CopyTo(destination);
            return text.Length;
        }
        // One call may give more only where bytes piled up; the rest comes with the next.
        _pending = text[MaximumLength..];
        text.AsSpan(0, MaximumLength).CopyTo(destination);
        return MaximumLength;
    }

    public override string Append(int id)
    {
        if (_known.Length == 0 && _window.Count > 0)
        {
            string before = tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_window), skipSpecial);
            if (!before.EndsWith('\uFFFD'))
            {
                _known = before;
                _knownCount = _window.Count;
            }
        }
        _ = tokenizer.Token(id); // an unknown id is an error before anything changes
        _window.Add(id);
        string text = tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_window), skipSpecial);
        // A window that has grown this far holds bytes that will never be a character.
        bool waits = text.EndsWith('\uFFFD') && _window.Count < 1024;
        if (text.Length <= _known.Length || waits || !text.StartsWith(_known, StringComparison.Ordinal)) return TakePending("");

        string added = text[_known.Length..];
        int kept = _window.Count - _knownCount;
        _window.RemoveRange(0, _knownCount);
        _known = tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_window), skipSpecial);
        _knownCount = kept;
        return TakePending(added);
    }

    public override int Flush(Span<char> destination)
    {
        string text = Flush();
        if (destination.Length < text.Length) throw new ArgumentException($"The destination holds {destination.Length} UTF-16 units; {text.Length} are needed.", nameof(destination));
        text.CopyTo(destination);
        return text.Length;
    }

    public override string Flush()
    {
        string text = tokenizer.Decode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_window), skipSpecial);
        string rest = text.StartsWith(_known, StringComparison.Ordinal) ? text[_known.Length..] : "";
        _window.Clear();
        _known = "";
        _knownCount = 0;
        return TakePending(rest);
    }

    private string TakePending(string added)
    {
        string all = _pending + added;
        _pending = "";
        return all;
    }
}
