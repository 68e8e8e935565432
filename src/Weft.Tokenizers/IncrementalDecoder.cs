namespace Weft.Tokenizers;

/// <summary>Turns one token after another into text and never splits a character: it waits until the bytes are complete.</summary>
/// <remarks>One decoder serves one stream of tokens and one thread.</remarks>
public abstract class IncrementalDecoder
{
    /// <summary>A destination of this many UTF-16 units is large enough for any one call.</summary>
    public abstract int MaximumLength { get; }

    /// <summary>Takes a token and writes the text that is complete now.</summary>
    /// <param name="id">The next token.</param>
    /// <param name="destination">At least <see cref="MaximumLength"/> UTF-16 units.</param>
    /// <returns>The number of UTF-16 units written; 0 while a character is incomplete.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    /// <exception cref="ArgumentException">The destination is too small; the decoder has not changed.</exception>
    public abstract int Append(int id, Span<char> destination);

    /// <summary>Ends the stream: writes U+FFFD for what is left of an incomplete character, and starts anew.</summary>
    /// <returns>The number of UTF-16 units written.</returns>
    public abstract int Flush(Span<char> destination);

    /// <summary>Takes a token and returns the text that is complete now, which may be empty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is not in the vocabulary.</exception>
    public virtual string Append(int id)
    {
        char[] buffer = Rent();
        return new string(buffer, 0, Append(id, buffer));
    }

    /// <summary>Ends the stream: returns U+FFFD for what is left of an incomplete character, and starts anew.</summary>
    public virtual string Flush()
    {
        char[] buffer = Rent();
        return new string(buffer, 0, Flush(buffer));
    }

    private char[]? _buffer;

    private char[] Rent() => _buffer is null || _buffer.Length < MaximumLength ? _buffer = new char[MaximumLength] : _buffer;
}
