namespace Weft.Tokenizers;

/// <summary>Runs the steps of a pattern over a text.</summary>
internal ref struct PatternRun
{
    [ThreadStatic]
    private static int[]? _sharedStack;

    private readonly Pattern _pattern;
    private readonly PatternStep[] _steps;
    private readonly ReadOnlySpan<char> _text;
    private readonly int[] _registers;
    private int[] _stack;
    private int _top;
    private long _budget;

    // What is on the stack, three numbers an entry: where to go on, at which position, and down to where a run gives back.
    private const int EntrySize = 3;

    // In place of "where to go on": put a register back.
    private const int RestoreRegister = -1;

    public PatternRun(Pattern pattern, PatternStep[] steps, int registerCount, ReadOnlySpan<char> text)
    {
        _pattern = pattern;
        _steps = steps;
        _text = text;
        _registers = registerCount == 0 ? [] : new int[registerCount];
        _stack = _sharedStack ??= new int[EntrySize * 256];
        _top = 0;
        // Far more than any published pattern needs; a pattern of exponential cost ends here after about a second.
        _budget = 20_000_000 + 400L * text.Length;
    }

    /// <summary>The end of the match of the steps from <paramref name="step"/> on at a position, or -1.</summary>
    public int Match(int step, int position)
    {
        int bottom = _top;
        while (true)
        {
            PatternStep current = _steps[step];
            bool failed = false;
            switch (current.Code)
            {
                case StepCode.Done:
                    _top = bottom;
                    return position;
                case StepCode.One:
                    failed = position >= _text.Length || !current.Characters!.Contains(CodePoint(position, out int length)) || Advance(ref position, length);
                    step++;
                    break;
                case StepCode.RunGreedy:
                    failed = !Run(current, position, out int least, out int end);
                    _budget -= end - position;
                    if (!failed && end > least) Push(step + 1, end, least);
                    position = end;
                    step++;
                    break;
                case StepCode.RunPossessive:
                    failed = !Run(current, position, out _, out position);
                    step++;
                    break;
                case StepCode.RunLazy:
                    failed = !Run(current, position, out int first, out int furthest);
                    _budget -= furthest - position;
                    if (!failed && furthest > first) Push(step + 1, first, ~furthest);
                    position = first;
                    step++;
                    break;
                case StepCode.Split:
                    Push(current.B, position, position);
                    step = current.A;
                    break;
                case StepCode.Jump:
                    step = current.A;
                    break;
                case StepCode.Assert:
                    failed = !Holds((AssertionKind)current.A, position);
                    step++;
                    break;
                case StepCode.LookAhead:
                    failed = Match(step + 1, position) < 0;
                    step = current.A;
                    break;
                case StepCode.LookAheadNot:
                    failed = Match(step + 1, position) >= 0;
                    step = current.A;
                    break;
                case StepCode.LookBehind:
                    int start = Back(position, current.B);
                    failed = start < 0 || Match(step + 1, start) != position;
                    step = current.A;
                    break;
                case StepCode.Atomic:
                    position = Match(step + 1, position);
                    failed = position < 0;
                    step = current.A;
                    break;
                case StepCode.Mark:
                    Push(RestoreRegister, current.A, _registers[current.A]);
                    _registers[current.A] = position;
                    step++;
                    break;
                case StepCode.LeaveIfEmpty:
                    step = _registers[current.A] == position ? current.B : step + 1;
                    break;
                default:
                    failed = true;
                    break;
            }
            if (failed && !Backtrack(bottom, ref step, ref position)) return -1;
        }
    }

    private static bool Advance(ref int position, int length)
    {
        position += length;
        return false;
    }

    // Goes back to the last choice that has a way left.
    private bool Backtrack(int bottom, ref int step, ref int position)
    {
        while (_top > bottom)
        {
            if (--_budget < 0) throw new InvalidOperationException($"The pattern '{_pattern.Source}' takes too many steps on a text of {_text.Length} characters.");
            int entry = _top - EntrySize;
            if (_stack[entry] == RestoreRegister)
            {
                _registers[_stack[entry + 1]] = _stack[entry + 2];
                _top = entry;
                continue;
            }
            step = _stack[entry];
            position = _stack[entry + 1];
            int limit = _stack[entry + 2];
            if (limit < 0)
            {
                // A lazy run takes one more.
                CodePoint(position, out int length);
                position += length;
                if (position >= ~limit) _top = entry;
                else _stack[entry + 1] = position;
            }
            else if (position > limit)
            {
                // A greedy run gives one back.
                position = Back(position, 1);
                if (position <= limit) _top = entry;
                else _stack[entry + 1] = position;
            }
            else
            {
                _top = entry;
            }
            return true;
        }
        return false;
    }

    private void Push(int step, int position, int limit)
    {
        if (_top + EntrySize > _stack.Length)
        {
            Array.Resize(ref _stack, _stack.Length * 2);
            if (_stack.Length <= 1 << 20) _sharedStack = _stack;
        }
        _stack[_top] = step;
        _stack[_top + 1] = position;
        _stack[_top + 2] = limit;
        _top += EntrySize;
    }

    // How far a run of the set reaches: after the least count, and at most.
    private readonly bool Run(PatternStep step, int position, out int least, out int end)
    {
        end = position;
        least = step.A == 0 ? position : -1;
        for (int count = 0; count < step.B && end < _text.Length;)
        {
            if (!step.Characters!.Contains(CodePoint(end, out int length))) break;
            end += length;
            if (++count == step.A) least = end;
        }
        return least >= 0;
    }

    private readonly bool Holds(AssertionKind kind, int position) => kind switch
    {
        AssertionKind.TextStart => position == 0,
        AssertionKind.TextEnd => position == _text.Length,
        AssertionKind.TextEndOrLastLineFeed => position == _text.Length || (position == _text.Length - 1 && _text[position] == '\n'),
        AssertionKind.LineStart => position == 0 || (_text[position - 1] == '\n' && position < _text.Length),
        AssertionKind.LineEnd => position == _text.Length || _text[position] == '\n',
        AssertionKind.WordBoundary => IsWord(position) != IsWord(Back(position, 1)),
        _ => IsWord(position) == IsWord(Back(position, 1)),
    };

    private readonly bool IsWord(int position) => position >= 0 && position < _text.Length && CharacterProperties.Word.Contains(CodePoint(position, out _));

    private readonly int CodePoint(int position, out int length)
    {
        char unit = _text[position];
        if (char.IsHighSurrogate(unit) && position + 1 < _text.Length && char.IsLowSurrogate(_text[position + 1]))
        {
            length = 2;
            return char.ConvertToUtf32(unit, _text[position + 1]);
        }
        length = 1;
        return unit;
    }

    // The position some code points before, or -1.
    private readonly int Back(int position, int count)
    {
        for (; count > 0; count--)
        {
            if (position <= 0) return -1;
            position--;
            if (position > 0 && char.IsLowSurrogate(_text[position]) && char.IsHighSurrogate(_text[position - 1])) position--;
        }
        return position;
    }
}
