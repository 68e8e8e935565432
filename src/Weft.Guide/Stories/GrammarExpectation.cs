namespace Weft.Guide.Stories;

/// <summary>The exact expected value, over all stories, of a sum of costs of choices and words; by dynamic programming.</summary>
/// <remarks>
/// V(state) = sum over the choices at that state of p (cost + V(next state)), memoised on the items that remain and on the registers that
/// a later choice or counted word still reads. Entropy depends on few registers. The cost of words depends on all of them, but a sum has the
/// sum of the expectations as its expectation, so it is computed one register at a time: the table stays small where the product of all
/// lists would have about 10^9 rows.
/// </remarks>
internal sealed class GrammarExpectation
{
    private readonly GrammarModel _model;
    private readonly Func<double, double>? _choiceCost;
    private readonly Func<string, bool, double>? _wordCost;
    private readonly Register? _counted;
    private readonly HashSet<Register> _relevant = [];
    private readonly Dictionary<Rule, HashSet<Register>> _ruleReads = [];
    private readonly Dictionary<Frame, HashSet<Register>> _frameReads = [];
    private readonly Dictionary<(Frame Frame, UInt128 Registers, bool IsGlued), double> _values = [];

    /// <param name="model">The grammar.</param>
    /// <param name="choiceCost">The cost of a choice of probability p.</param>
    /// <param name="wordCost">The cost of a word, given whether it is written without a space before it.</param>
    /// <param name="counted">Null to count fixed words and those of binding slots; otherwise count only references to this register.</param>
    private GrammarExpectation(GrammarModel model, Func<double, double>? choiceCost, Func<string, bool, double>? wordCost, Register? counted)
    {
        (_model, _choiceCost, _wordCost, _counted) = (model, choiceCost, wordCost, counted);
        if (counted is not null) _relevant.Add(counted);
        foreach (Alternative alternative in model.Rules.SelectMany(rule => rule.Alternatives))
        {
            if (alternative.Guard is Guard guard) _relevant.Add(guard.Register);
            foreach (SlotItem slot in alternative.Items.OfType<SlotItem>())
                if (slot.Filter is Match filter) _relevant.Add(filter.Other);
        }
    }

    /// <summary>The entropy of the choices, in nats.</summary>
    public static double Entropy(GrammarModel model) =>
        new GrammarExpectation(model, static p => -Math.Log(p), wordCost: null, counted: null).Value();

    /// <summary>The expected sum of a cost of words.</summary>
    public static double Words(GrammarModel model, Func<string, bool, double> wordCost)
    {
        double sum = new GrammarExpectation(model, choiceCost: null, wordCost, counted: null).Value();
        foreach (Register register in model.Registers) sum += new GrammarExpectation(model, choiceCost: null, wordCost, register).Value();
        return sum;
    }

    private double Value() => Value(_model.Start, _model.NewRegisters(), isGlued: true);

    private double Value(Frame? frame, int[] registers, bool isGlued)
    {
        // Fixed words and references choose nothing: walk over them before looking anything up.
        double fixedCost = 0;
        for (; frame is not null; frame = frame.Rest)
        {
            if (frame.Top is WordItem word)
            {
                if (_counted is null) fixedCost += WordCost(word, isGlued);
                isGlued = _model.Vocabulary[word.Word] == "\"";
            }
            else if (frame.Top is SlotItem { Binds: false } slot)
            {
                if (slot.Register == _counted) fixedCost += PhraseCost(slot, registers[slot.Register.Index], isGlued);
                isGlued = false;
            }
            else
            {
                break;
            }
        }
        if (frame is null) return fixedCost;

        var key = (frame, LiveRegisters(frame, registers), isGlued);
        if (!_values.TryGetValue(key, out double value)) _values.Add(key, value = ChoiceValue(frame, registers, isGlued));
        return fixedCost + value;
    }

    private double ChoiceValue(Frame frame, int[] registers, bool isGlued)
    {
        double sum = 0;
        if (frame.Top is CallItem call)
        {
            int total = call.Rule.TotalWeight(registers);
            foreach (Alternative alternative in call.Rule.Alternatives)
            {
                if (alternative.Guard?.Holds(registers) == false) continue;
                double p = (double)alternative.Weight / total;
                sum += p * (ChoiceCost(p) + Value(Frame.Of(alternative.Items, 0, frame.Rest), registers, isGlued));
            }
            return sum;
        }

        SlotItem slot = (SlotItem)frame.Top;
        double share = 1.0 / slot.AllowedCount(registers);
        bool isRelevant = _relevant.Contains(slot.Register);
        int[] next = [.. registers];
        for (int entry = 0; entry < slot.Register.List.Count; entry++)
        {
            if (!slot.Allows(entry, registers)) continue;
            if (_counted is null) sum += share * PhraseCost(slot, entry, isGlued);
            if (!isRelevant) continue; // all entries have the same future
            next[slot.Register.Index] = entry;
            sum += share * Value(frame.Rest, next, isGlued: false);
        }
        return sum + ChoiceCost(share) + (isRelevant ? 0 : Value(frame.Rest, registers, isGlued: false));
    }

    private double ChoiceCost(double p) => _choiceCost?.Invoke(p) ?? 0;

    private double WordCost(WordItem word, bool isGlued)
    {
        if (_wordCost is null) return 0;
        string text = _model.Vocabulary[word.Word];
        return _wordCost(text, isGlued || !StoryWords.HasSpace("a", text));
    }

    private double PhraseCost(SlotItem slot, int entry, bool isGlued)
    {
        double cost = 0;
        foreach (Item item in slot.Register.List.Phrase(entry, slot.Feature, slot.Capital))
        {
            cost += WordCost((WordItem)item, isGlued);
            isGlued = false;
        }
        return cost;
    }

    private UInt128 LiveRegisters(Frame frame, int[] registers)
    {
        UInt128 key = 0;
        foreach (Register register in Reads(frame))
            key = checked((key * (UInt128)(register.List.Count + 1)) + (UInt128)(registers[register.Index] + 1));
        return key;
    }

    private HashSet<Register> Reads(Frame frame)
    {
        if (_frameReads.TryGetValue(frame, out HashSet<Register>? reads)) return reads;
        reads = frame.Parent is null ? [] : [.. Reads(frame.Parent)];
        AddReads(frame.Items.AsSpan(frame.Index), reads);
        _frameReads.Add(frame, reads);
        return reads;
    }

    private void AddReads(ReadOnlySpan<Item> items, HashSet<Register> reads)
    {
        foreach (Item item in items)
        {
            if (item is SlotItem { Filter: Match filter }) reads.Add(filter.Other);
            if (item is SlotItem { Binds: false } slot && slot.Register == _counted) reads.Add(slot.Register);
            if (item is not CallItem call) continue;
            if (!_ruleReads.TryGetValue(call.Rule, out HashSet<Register>? ruleReads))
            {
                ruleReads = [];
                foreach (Alternative alternative in call.Rule.Alternatives)
                {
                    if (alternative.Guard is Guard guard) ruleReads.Add(guard.Register);
                    AddReads(alternative.Items, ruleReads);
                }
                _ruleReads.Add(call.Rule, ruleReads);
            }
            reads.UnionWith(ruleReads);
        }
    }
}
