namespace Weft.Tokenizers;

/// <summary>A stretch of text that remembers for every UTF-16 unit which range of the original text it came from.</summary>
/// <remarks>Immutable. Slices share their parent's memory; text that was never changed needs no table of ranges at all.</remarks>
internal sealed class AlignedText
{
    private readonly ReadOnlyMemory<char> _text;
    private readonly (int Begin, int End)[]? _ranges; // for unit i: _ranges[_offset + i]; null: unit i is unit Origin + i
    private readonly int _offset;

    private AlignedText(ReadOnlyMemory<char> text, (int Begin, int End)[]? ranges, int offset, int origin)
    {
        _text = text;
        _ranges = ranges;
        _offset = offset;
        Origin = origin;
    }

    /// <summary>A text that nothing was done to.</summary>
    public static AlignedText Original(ReadOnlyMemory<char> text, int origin = 0) => new(text, null, 0, origin);

    /// <summary>The text as it is now.</summary>
    public ReadOnlySpan<char> Text => _text.Span;

    /// <summary>The number of UTF-16 units.</summary>
    public int Length => _text.Length;

    /// <summary>Where in the original text this stretch begins.</summary>
    public int Origin { get; }

    /// <summary>The range of the original text that one unit came from.</summary>
    public (int Begin, int End) RangeOf(int index)
    {
        if (_ranges is not null) return _ranges[_offset + index];
        ReadOnlySpan<char> text = _text.Span;
        int begin = Origin + index;
        if (char.IsHighSurrogate(text[index]) && index + 1 < text.Length) return (begin, begin + 2);
        return char.IsLowSurrogate(text[index]) && index > 0 ? (begin - 1, begin + 1) : (begin, begin + 1);
    }

    /// <summary>The range of the original text that a range of units came from.</summary>
    public (int Begin, int End) RangeOf(int start, int end)
    {
        if (end > start) return (RangeOf(start).Begin, RangeOf(end - 1).End);
        int place = Length == 0 ? Origin : start < Length ? RangeOf(start).Begin : RangeOf(Length - 1).End;
        return (place, place);
    }

    /// <summary>A part of the text.</summary>
    public AlignedText Slice(int start, int end)
    {
        if (start == 0 && end == Length) return this;
        int origin = start < Length ? RangeOf(start).Begin : RangeOf(start, start).Begin;
        return new AlignedText(_text[start..end], _ranges, _offset + start, origin);
    }

    /// <summary>The text after edits that together cover all of it.</summary>
    public AlignedText Apply(IReadOnlyList<CharacterEdit> edits)
    {
        Builder builder = new(this, edits.Count + 8);
        foreach (CharacterEdit edit in edits) builder.Add(edit);
        return builder.Build();
    }

    /// <summary>Writes a new text from left to right while it walks through the old one.</summary>
    public struct Builder
    {
        private readonly AlignedText _source;
        private char[] _text;
        private (int, int)[] _ranges;
        private int _count;
        private int _read; // how much of the source has been used up

        /// <summary>Starts at the beginning of <paramref name="source"/>.</summary>
        public Builder(AlignedText source, int capacity)
        {
            _source = source;
            _text = new char[capacity];
            _ranges = new (int, int)[capacity];
        }

        /// <summary>How many units have been written.</summary>
        public readonly int Count => _count;

        /// <summary>Writes one character with its relation to the source.</summary>
        public void Add(CharacterEdit edit)
        {
            (int, int) range = edit.Change > 0
                ? _read > 0 ? _source.RangeOf(_read - 1) : (_source.Origin, _source.Origin) // inserted: where the character before it came from
                : _source.RangeOf(_read);
            for (int consumed = 1 - edit.Change; consumed > 0 && edit.Change <= 0; consumed--) Skip();
            Write(edit.CodePoint, range);
        }

        /// <summary>Leaves out one character of the source.</summary>
        public void Skip()
        {
            if (_read < _source.Length) _read += char.IsHighSurrogate(_source.Text[_read]) && _read + 1 < _source.Length ? 2 : 1;
        }

        /// <summary>Copies one character of the source.</summary>
        public void Keep()
        {
            int start = _read;
            Skip();
            for (int i = start; i < _read; i++) WriteUnit(_source.Text[i], _source.RangeOf(i));
        }

        /// <summary>Copies the source up to a position.</summary>
        public void KeepUntil(int end)
        {
            for (; _read < end; _read++) WriteUnit(_source.Text[_read], _source.RangeOf(_read));
        }

        /// <summary>Leaves out the source up to a position.</summary>
        public void SkipUntil(int end) => _read = end;

        /// <summary>The new text.</summary>
        public readonly AlignedText Build() => new(_text.AsMemory(0, _count), _ranges, 0, _source.Origin);

        private void Write(int codePoint, (int, int) range)
        {
            if (codePoint <= 0xFFFF)
            {
                WriteUnit((char)codePoint, range);
                return;
            }
            WriteUnit((char)(0xD800 + ((codePoint - 0x10000) >> 10)), range);
            WriteUnit((char)(0xDC00 + ((codePoint - 0x10000) & 0x3FF)), range);
        }

        private void WriteUnit(char unit, (int, int) range)
        {
            if (_count == _text.Length)
            {
                Array.Resize(ref _text, Math.Max(16, _count * 2));
                Array.Resize(ref _ranges, Math.Max(16, _count * 2));
            }
            _text[_count] = unit;
            _ranges[_count++] = range;
        }
    }
}
