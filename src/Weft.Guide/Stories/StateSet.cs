namespace Weft.Guide.Stories;

/// <summary>Every state that the grammar can be in after the words read so far, with its probability and its number of derivations.</summary>
/// <remarks>
/// The grammar is read from left to right as a stack automaton with registers. States with the same stack and the same registers are merged,
/// so this is the forward algorithm: probabilities and derivation counts are exact sums over all derivations, and the work is bounded by
/// the number of distinct states and not by the number of derivations.
/// An open set also reads text that did not start at the beginning: a register that is read before it was bound may hold any entry, and a
/// fact once known is never bound anew.
/// </remarks>
internal sealed class StateSet
{
    private readonly GrammarModel _model;
    private readonly bool _isOpen;
    private readonly Dictionary<State, Mass> _states;

    private StateSet(GrammarModel model, bool isOpen, Dictionary<State, Mass> states) =>
        (_model, _isOpen, _states) = (model, isOpen, states);

    /// <summary>The probability that a story begins with the words read. Meaningless for an open set.</summary>
    public double Probability => _states.Values.Sum(mass => mass.Probability);

    /// <summary>The number of derivations of the words read, with the choices that they show.</summary>
    public long DerivationCount => _states.Values.Sum(mass => mass.DerivationCount);

    public bool IsComplete => _states.Keys.Any(state => state.Frame is null);

    public IEnumerable<int[]> Registers => _states.Keys.Select(state => state.Registers);

    public static StateSet Start(GrammarModel model) =>
        new(model, isOpen: false, new() { [new State(model.Start, model.NewRegisters())] = new Mass(1, 1) });

    public static StateSet Open(GrammarModel model, IEnumerable<Frame> frames, IReadOnlyCollection<int[]> registers)
    {
        Dictionary<State, Mass> states = [];
        foreach (Frame frame in frames)
            foreach (int[] facts in registers) states[new State(frame, facts)] = new Mass(1, 1);
        return new StateSet(model, isOpen: true, states);
    }

    /// <summary>The states after one more word, or null when no story goes on with it.</summary>
    public StateSet? Read(int word)
    {
        Dictionary<State, Mass> next = [];
        foreach ((State state, Mass mass) in _states)
            Expand(state.Frame, state.Registers, mass, word, source: null, entry: -1, (step, _) =>
            {
                next.TryGetValue(step.State, out Mass known);
                next[step.State] = new Mass(known.Probability + step.Mass.Probability, known.DerivationCount + step.Mass.DerivationCount);
            });
        return next.Count == 0 ? null : new StateSet(_model, _isOpen, next);
    }

    /// <summary>The words that may follow: each way once, with the slot that would write it.</summary>
    public List<NextStep> NextSteps()
    {
        List<NextStep> steps = [];
        foreach ((State state, Mass mass) in _states)
            Expand(state.Frame, state.Registers, mass, AnyWord, source: null, entry: -1, (step, origin) =>
                steps.Add(new NextStep(step.Word, step.Mass.Probability, origin.Source, origin.Entry)));
        return steps;
    }

    private const int AnyWord = -1;

    private void Expand(Frame? frame, int[] registers, Mass mass, int wanted, SlotItem? source, int entry, Action<Step, (SlotItem? Source, int Entry)> found)
    {
        if (frame is null) return;
        switch (frame.Top)
        {
            case WordItem item:
                if (wanted == AnyWord || wanted == item.Word)
                    found(new Step(item.Word, new State(frame.Rest, registers), mass), (source, entry));
                break;

            case SlotItem slot when slot.Filter is not null && slot.Binds && registers[slot.Filter.Other.Index] < 0:
                BindOpenly(slot.Filter.Other, frame, registers, mass, wanted, found);
                break;

            case SlotItem slot:
                int held = registers[slot.Register.Index];
                // Only in an open set can a slot that binds find its register bound, or one that refers find it unbound.
                bool isFree = _isOpen ? held < 0 : slot.Binds;
                if (!isFree)
                {
                    if (slot.Binds && !slot.Allows(held, registers)) break;
                    Write(slot, held, frame, registers, mass, wanted, found);
                    break;
                }
                int count = slot.AllowedCount(registers);
                for (int e = 0; e < slot.Register.List.Count; e++)
                {
                    if (!slot.Allows(e, registers) || (wanted != AnyWord && FirstWord(slot, e) is int first && first != wanted)) continue;
                    Write(slot, e, frame, With(registers, slot.Register.Index, e), mass.Times(1.0 / count), wanted, found);
                }
                break;

            case CallItem call:
                if (_isOpen && UnboundGuard(call.Rule, registers) is Register unbound)
                {
                    BindOpenly(unbound, frame, registers, mass, wanted, found);
                    break;
                }
                int total = call.Rule.TotalWeight(registers);
                Frame? rest = frame.Rest;
                foreach (Alternative alternative in call.Rule.Alternatives)
                    if (alternative.Guard?.Holds(registers) != false)
                        Expand(Frame.Of(alternative.Items, 0, rest), registers, mass.Times((double)alternative.Weight / total), wanted, null, -1, found);
                break;
        }
    }

    private void Write(SlotItem slot, int entry, Frame frame, int[] registers, Mass mass, int wanted, Action<Step, (SlotItem? Source, int Entry)> found) =>
        Expand(Frame.Of(slot.Register.List.Phrase(entry, slot.Feature, slot.Capital), 0, frame.Rest), registers, mass, wanted, slot, entry, found);

    private void BindOpenly(Register register, Frame frame, int[] registers, Mass mass, int wanted, Action<Step, (SlotItem? Source, int Entry)> found)
    {
        for (int e = 0; e < register.List.Count; e++) Expand(frame, With(registers, register.Index, e), mass, wanted, null, -1, found);
    }

    private static Register? UnboundGuard(Rule rule, int[] registers)
    {
        foreach (Alternative alternative in rule.Alternatives)
            if (alternative.Guard is Guard guard && registers[guard.Register.Index] < 0) return guard.Register;
        return null;
    }

    private static int? FirstWord(SlotItem slot, int entry) =>
        slot.Register.List.Phrase(entry, slot.Feature, slot.Capital) is [WordItem first, ..] ? first.Word : null;

    private static int[] With(int[] registers, int index, int entry)
    {
        int[] copy = [.. registers];
        copy[index] = entry;
        return copy;
    }

    /// <summary>A word that may follow, its share of the probability, and the slot and entry that would write it (null for a fixed word).</summary>
    public readonly record struct NextStep(int Word, double Probability, SlotItem? Source, int Entry);

    private readonly record struct Step(int Word, State State, Mass Mass);

    private readonly record struct Mass(double Probability, long DerivationCount)
    {
        public Mass Times(double factor) => this with { Probability = Probability * factor };
    }

    /// <summary>What is left to write and what is remembered; null when the story is complete.</summary>
    private readonly record struct State(Frame? Frame, int[] Registers)
    {
        public bool Equals(State other) => Equals(Frame, other.Frame) && Registers.AsSpan().SequenceEqual(other.Registers);

        public override int GetHashCode()
        {
            HashCode hash = new();
            hash.Add(Frame);
            foreach (int entry in Registers) hash.Add(entry);
            return hash.ToHashCode();
        }
    }
}
