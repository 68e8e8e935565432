using System.Text;

namespace Weft.Tokenizers;

/// <summary>Incremental decoding where every token stands for fixed bytes: a running UTF-8 decoder.</summary>
internal sealed class ByteIncrementalDecoder : IncrementalDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool[]? _skipped;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

    /// <param name="tokenizer">Gives the bytes of every token.</param>
    /// <param name="longestToken">The largest number of bytes in one token.</param>
    /// <param name="skipped">By token id: gives no text. Null: none.</param>
    public ByteIncrementalDecoder(Tokenizer tokenizer, int longestToken, bool[]? skipped)
    {
        _tokenizer = tokenizer;
        _skipped = skipped;
        // A UTF-8 byte gives at most one UTF-16 unit; up to three bytes may be waiting from before.
        MaximumLength = longestToken + 3;
    }

    public override int MaximumLength { get; }

    public override int Append(int id, Span<char> destination)
    {
        Check(destination);
        ReadOnlySpan<byte> bytes = _tokenizer.TokenBytes(id);
        if (_skipped is not null && _skipped[id]) return 0;
        return _utf8.GetChars(bytes, destination, flush: false);
    }

    public override int Flush(Span<char> destination)
    {
        Check(destination);
        return _utf8.GetChars([], destination, flush: true);
    }

    private void Check(Span<char> destination)
    {
        if (destination.Length < MaximumLength)
            throw new ArgumentException($"The destination holds {destination.Length} UTF-16 units; {MaximumLength} may be needed.", nameof(destination));
    }
}
