namespace Weft.Tokenizers;

/// <summary>One step of a compiled pattern.</summary>
/// <param name="Code">What it does.</param>
/// <param name="A">A target, a register or a least count.</param>
/// <param name="B">A target or a greatest count.</param>
/// <param name="Characters">A set, where the step has one.</param>
internal readonly record struct PatternStep(StepCode Code, int A = 0, int B = 0, CharacterSet? Characters = null);

/// <summary>The kinds of steps.</summary>
internal enum StepCode
{
    /// <summary>The (sub)pattern has matched.</summary>
    Done,

    /// <summary>One code point of the set.</summary>
    One,

    /// <summary>A to B code points of the set, as many as possible, giving back one after another.</summary>
    RunGreedy,

    /// <summary>A to B code points of the set, as few as possible.</summary>
    RunLazy,

    /// <summary>A to B code points of the set, as many as possible, giving none back.</summary>
    RunPossessive,

    /// <summary>Go on at A, and at B if that fails.</summary>
    Split,

    /// <summary>Go on at A.</summary>
    Jump,

    /// <summary>The assertion A must hold.</summary>
    Assert,

    /// <summary>The steps that follow must match here; then go on at A.</summary>
    LookAhead,

    /// <summary>The steps that follow must not match here; then go on at A.</summary>
    LookAheadNot,

    /// <summary>Going back B code points, the steps that follow must match; then go on at A.</summary>
    LookBehind,

    /// <summary>The steps that follow match once and for all; then go on at A.</summary>
    Atomic,

    /// <summary>Remember the position in register A.</summary>
    Mark,

    /// <summary>Go on at B if nothing was taken since the mark in register A: it ends loops over the empty text.</summary>
    LeaveIfEmpty,

    /// <summary>This way leads nowhere.</summary>
    Fail,
}

/// <summary>Turns a parsed pattern into steps.</summary>
internal sealed class PatternCompiler
{
    private const int MostSteps = 200_000;

    private readonly List<PatternStep> _steps = [];
    private int _registers;

    /// <summary>The steps, and the number of registers that they use.</summary>
    /// <exception cref="FormatException">The pattern is too large, or looks behind over a varying distance.</exception>
    public static (PatternStep[] Steps, int RegisterCount) Compile(PatternNode node)
    {
        PatternCompiler compiler = new();
        compiler.Add(node);
        compiler.Emit(new PatternStep(StepCode.Done));
        return ([.. compiler._steps], compiler._registers);
    }

    private int Emit(PatternStep step)
    {
        if (_steps.Count >= MostSteps) throw new FormatException($"the pattern needs more than {MostSteps} steps");
        _steps.Add(step);
        return _steps.Count - 1;
    }

    private void Add(PatternNode node)
    {
        switch (node)
        {
            case PatternNode.Set set: Emit(new PatternStep(StepCode.One, Characters: set.Characters)); break;
            case PatternNode.Sequence sequence:
                foreach (PatternNode part in sequence.Parts) Add(part);
                break;
            case PatternNode.Choice choice: AddChoice(choice); break;
            case PatternNode.Assertion assertion: Emit(new PatternStep(StepCode.Assert, (int)assertion.Kind)); break;
            case PatternNode.Atomic atomic: AddSub(new PatternStep(StepCode.Atomic), atomic.Part); break;
            case PatternNode.Look look: AddLook(look); break;
            case PatternNode.Repeat repeat: AddRepeat(repeat); break;
        }
    }

    private void AddChoice(PatternNode.Choice choice)
    {
        List<int> exits = [];
        for (int i = 0; i < choice.Parts.Count; i++)
        {
            if (i == choice.Parts.Count - 1)
            {
                Add(choice.Parts[i]);
                break;
            }
            int split = Emit(default);
            Add(choice.Parts[i]);
            exits.Add(Emit(default));
            _steps[split] = new PatternStep(StepCode.Split, split + 1, _steps.Count);
        }
        foreach (int exit in exits) _steps[exit] = new PatternStep(StepCode.Jump, _steps.Count);
    }

    private void AddSub(PatternStep head, PatternNode part)
    {
        int at = Emit(default);
        Add(part);
        Emit(new PatternStep(StepCode.Done));
        _steps[at] = head with { A = _steps.Count };
    }

    private void AddLook(PatternNode.Look look)
    {
        if (!look.Behind)
        {
            AddSub(new PatternStep(look.Negative ? StepCode.LookAheadNot : StepCode.LookAhead), look.Part);
            return;
        }
        // Each alternative looks back over its own distance.
        IReadOnlyList<PatternNode> parts = look.Part is PatternNode.Choice choice ? choice.Parts : [look.Part];
        PatternNode[] looks = [.. parts];
        if (look.Negative)
        {
            // Not (a or b): each in turn must fail.
            foreach (PatternNode part in looks)
            {
                int split = Emit(default);
                AddSub(new PatternStep(StepCode.LookBehind, B: Width(part)), part);
                Emit(new PatternStep(StepCode.Done));
                _steps[split] = new PatternStep(StepCode.LookAheadNot, _steps.Count);
            }
            return;
        }
        List<int> exits = [];
        foreach (PatternNode part in looks)
        {
            int split = Emit(default);
            AddSub(new PatternStep(StepCode.LookBehind, B: Width(part)), part);
            exits.Add(Emit(default));
            _steps[split] = new PatternStep(StepCode.Split, split + 1, _steps.Count);
        }
        Emit(new PatternStep(StepCode.Fail));
        foreach (int exit in exits) _steps[exit] = new PatternStep(StepCode.Jump, _steps.Count);
    }

    private void AddRepeat(PatternNode.Repeat repeat)
    {
        if (repeat.Part is PatternNode.Set set)
        {
            StepCode code = repeat.Kind switch { RepeatKind.Greedy => StepCode.RunGreedy, RepeatKind.Lazy => StepCode.RunLazy, _ => StepCode.RunPossessive };
            Emit(new PatternStep(code, repeat.Least, repeat.Most, set.Characters));
            return;
        }
        if (repeat.Kind == RepeatKind.Possessive)
        {
            AddSub(new PatternStep(StepCode.Atomic), repeat with { Kind = RepeatKind.Greedy });
            return;
        }

        for (int i = 0; i < repeat.Least; i++) Add(repeat.Part);
        if (repeat.Most == int.MaxValue)
        {
            int register = _registers++;
            int split = Emit(default);
            Emit(new PatternStep(StepCode.Mark, register));
            Add(repeat.Part);
            int leave = Emit(default);
            Emit(new PatternStep(StepCode.Jump, split));
            _steps[split] = Branch(repeat.Kind, split + 1, _steps.Count);
            _steps[leave] = new PatternStep(StepCode.LeaveIfEmpty, register, _steps.Count);
            return;
        }
        List<int> splits = [];
        for (int i = repeat.Least; i < repeat.Most; i++)
        {
            splits.Add(Emit(default));
            Add(repeat.Part);
        }
        foreach (int split in splits) _steps[split] = Branch(repeat.Kind, split + 1, _steps.Count);
    }

    private static PatternStep Branch(RepeatKind kind, int inside, int after) =>
        kind == RepeatKind.Greedy ? new PatternStep(StepCode.Split, inside, after) : new PatternStep(StepCode.Split, after, inside);

    // The number of code points that a part always takes.
    private static int Width(PatternNode node)
    {
        switch (node)
        {
            case PatternNode.Set: return 1;
            case PatternNode.Assertion or PatternNode.Look: return 0;
            case PatternNode.Sequence sequence: return sequence.Parts.Sum(Width);
            case PatternNode.Atomic atomic: return Width(atomic.Part);
            case PatternNode.Repeat repeat when repeat.Least == repeat.Most: return repeat.Least * Width(repeat.Part);
            case PatternNode.Choice choice when choice.Parts.Select(Width).Distinct().Count() == 1: return Width(choice.Parts[0]);
            default: throw new FormatException("looking behind over a varying distance is not supported");
        }
    }
}
