using System.Globalization;

namespace Weft.Guide.Stories;

/// <summary>Compiles the text of a grammar. The notation is described at <see cref="StoryGrammar.Parse"/>.</summary>
internal sealed class GrammarParser
{
    private readonly List<WordList> _lists = [];
    private readonly List<Rule> _rules = [];
    private readonly List<Register> _registers = [];
    private readonly Dictionary<string, int> _wordIds = [];
    private readonly List<string> _vocabulary = [];
    private int _lineNumber;

    public static GrammarModel Parse(string text) => new GrammarParser().ParseText(text);

    private GrammarModel ParseText(string text)
    {
        List<(int LineNumber, string Line)> lines = [];
        foreach (string line in text.Split('\n'))
        {
            _lineNumber++;
            string trimmed = line.Trim();
            if (trimmed.Length > 0 && trimmed[0] != '#') lines.Add((_lineNumber, trimmed));
        }

        List<(int LineNumber, string Line, Rule Rule)> alternatives = Declare(lines);
        foreach (WordList list in _lists) AddPhrases(list);
        // Registers first: an alternative may refer to one that a later line binds.
        foreach ((int lineNumber, string line, _) in alternatives) DeclareRegisters(lineNumber, line);
        foreach (IGrouping<Rule, (int, string, Rule)> group in alternatives.GroupBy(a => a.Rule))
            group.Key.Alternatives = [.. group.Select(a => ParseAlternative(a.Item1, a.Item2))];

        foreach (Rule rule in _rules)
            if (rule.Alternatives.Length == 0) throw new FormatException($"Story grammar: rule {rule.Name} has no alternatives.");
        if (_rules.Count == 0) throw new FormatException("Story grammar: there are no rules.");
        CheckAcyclic();

        Item[] story = [new CallItem(_rules[0]), new WordItem(WordId(StoryWords.LineEnd))];
        return new GrammarModel
        {
            Vocabulary = [.. _vocabulary],
            Registers = [.. _registers],
            Rules = [.. _rules],
            Start = Frame.Of(story, 0, null)!,
        };
    }

    private List<(int LineNumber, string Line, Rule Rule)> Declare(List<(int LineNumber, string Line)> lines)
    {
        List<(int, string, Rule)> alternatives = [];
        Rule? rule = null;
        for (int i = 0; i < lines.Count; i++)
        {
            (_lineNumber, string line) = lines[i];
            if (line.StartsWith("list ", StringComparison.Ordinal))
            {
                string[] features = Cells(line["list ".Length..]);
                List<string[]> entries = [];
                for (; i + 1 < lines.Count && !IsHead(lines[i + 1].Line); i++)
                {
                    (_lineNumber, string entry) = lines[i + 1];
                    string[] cells = Cells(entry);
                    if (cells.Length != features.Length) throw Error($"the entry '{entry}' has {cells.Length} columns, its list has {features.Length}");
                    entries.Add(cells);
                }
                if (entries.Count == 0) throw Error($"list {features[0]} has no entries");
                _lists.Add(new WordList(features[0], features, [.. entries]));
                rule = null;
            }
            else if (IsHead(line))
            {
                string name = line[(line.IndexOf(' ') + 1)..].Trim();
                if (_rules.Exists(r => r.Name == name)) throw Error($"rule {name} is defined twice");
                _rules.Add(rule = new Rule(name, line.StartsWith("sentence ", StringComparison.Ordinal)));
            }
            else
            {
                alternatives.Add((_lineNumber, line, rule ?? throw Error("this line belongs to no rule")));
            }
        }
        return alternatives;
    }

    private static bool IsHead(string line) =>
        line.StartsWith("list ", StringComparison.Ordinal) ||
        line.StartsWith("rule ", StringComparison.Ordinal) ||
        line.StartsWith("sentence ", StringComparison.Ordinal);

    private static string[] Cells(string line) => line.Split('|', StringSplitOptions.TrimEntries);

    private void AddPhrases(WordList list)
    {
        list.Phrases = new Item[list.Count][][];
        for (int entry = 0; entry < list.Count; entry++)
        {
            list.Phrases[entry] = new Item[list.Features.Length * 2][];
            for (int feature = 0; feature < list.Features.Length; feature++)
            {
                string text = list.Entries[entry][feature];
                list.Phrases[entry][feature * 2] = Words(text);
                list.Phrases[entry][(feature * 2) + 1] = Words(text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..]);
            }
        }
    }

    private Item[] Words(string text) => [.. StoryWords.Split(text, ruled: false).Select(word => new WordItem(WordId(word)))];

    private void DeclareRegisters(int lineNumber, string line)
    {
        _lineNumber = lineNumber;
        foreach (string slot in Slots(line))
        {
            int colon = slot.IndexOf(':');
            if (colon < 0) continue;
            string name = slot[..colon].TrimStart('^');
            string listName = slot[(colon + 1)..].Split('.', ' ')[0];
            WordList list = _lists.Find(l => l.Name == listName) ?? throw Error($"there is no list '{listName}'");
            if (_registers.Find(r => r.Name == name) is not Register known) _registers.Add(new Register(_registers.Count, name, list));
            else if (known.List != list) throw Error($"'{name}' is bound from list {list.Name} here and from list {known.List.Name} elsewhere");
        }
    }

    private static IEnumerable<string> Slots(string line)
    {
        for (int open = line.IndexOf('{'); open >= 0; open = line.IndexOf('{', open + 1))
        {
            int close = line.IndexOf('}', open);
            if (close > open) yield return line[(open + 1)..close];
        }
    }

    private Alternative ParseAlternative(int lineNumber, string line)
    {
        _lineNumber = lineNumber;
        int space = line.IndexOf(' ');
        if (space < 0 || !int.TryParse(line.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out int weight) || weight == 0)
            throw Error($"an alternative begins with its weight, a whole number above 0, not with '{line}'");
        string text = line[(space + 1)..].TrimStart();

        Guard? guard = null;
        if (text.StartsWith('['))
        {
            int close = text.IndexOf(']');
            if (close < 0) throw Error("a guard has no ']'");
            string[] sides = text[1..close].Split('=');
            if (sides.Length > 2) throw Error($"a guard is written [register] or [register.feature=value,value], not '{text[..(close + 1)]}'");
            (Register register, int feature) = RegisterFeature(sides[0].Trim());
            guard = new Guard(register, feature, sides.Length == 1 ? [] : sides[1].Split(',', StringSplitOptions.TrimEntries));
            foreach (string value in guard.Values)
                if (!register.List.Entries.Any(entry => entry[feature] == value)) throw Error($"no entry of list {register.List.Name} has '{value}' in this column");
            text = text[(close + 1)..].TrimStart();
        }

        List<Item> items = [];
        for (int i = 0; i < text.Length;)
        {
            if (text[i] is '{' or '<')
            {
                int close = text.IndexOf(text[i] == '{' ? '}' : '>', i);
                if (close < 0) throw Error($"'{text[i]}' is not closed");
                string inside = text[(i + 1)..close];
                items.Add(text[i] == '{' ? ParseSlot(inside) : new CallItem(_rules.Find(r => r.Name == inside) ?? throw Error($"there is no rule '{inside}'")));
                i = close + 1;
            }
            else
            {
                int end = text.AsSpan(i).IndexOfAny('{', '<');
                end = end < 0 ? text.Length : i + end;
                foreach (string word in StoryWords.Split(text.AsSpan(i, end - i), ruled: false)) items.Add(new WordItem(WordId(word)));
                i = end;
            }
        }
        return new Alternative(weight, guard, [.. items]);
    }

    private SlotItem ParseSlot(string slot)
    {
        bool capital = slot.StartsWith('^');
        if (capital) slot = slot[1..];

        int colon = slot.IndexOf(':');
        if (colon < 0)
        {
            (Register register, int feature) = RegisterFeature(slot);
            return new SlotItem(register, feature, capital, binds: false, filter: null);
        }

        Register bound = _registers.Find(r => r.Name == slot[..colon])!;
        string[] parts = slot[(colon + 1)..].Split(" if ");
        int dot = parts[0].IndexOf('.');
        int written = dot < 0 ? 0 : Feature(bound.List, parts[0][(dot + 1)..]);
        Match? filter = null;
        if (parts.Length == 2)
        {
            string[] sides = parts[1].Split('=', StringSplitOptions.TrimEntries);
            if (sides.Length != 2) throw Error($"a filter is written 'if feature=register.feature', not 'if {parts[1]}'");
            (Register other, int otherFeature) = RegisterFeature(sides[1]);
            filter = new Match(Feature(bound.List, sides[0]), other, otherFeature);
        }
        return new SlotItem(bound, written, capital, binds: true, filter);
    }

    private (Register Register, int Feature) RegisterFeature(string text)
    {
        string[] parts = text.Split('.');
        Register register = _registers.Find(r => r.Name == parts[0]) ?? throw Error($"nothing binds '{parts[0]}'");
        return (register, parts.Length == 1 ? 0 : Feature(register.List, parts[1]));
    }

    private int Feature(WordList list, string name)
    {
        int feature = Array.IndexOf(list.Features, name);
        return feature >= 0 ? feature : throw Error($"list {list.Name} has no column '{name}'");
    }

    private void CheckAcyclic()
    {
        Dictionary<Rule, bool> done = [];
        foreach (Rule rule in _rules) Visit(rule);

        void Visit(Rule rule)
        {
            if (done.TryGetValue(rule, out bool isDone))
            {
                if (!isDone) throw new FormatException($"Story grammar: rule {rule.Name} contains itself.");
                return;
            }
            done[rule] = false;
            foreach (Alternative alternative in rule.Alternatives)
                foreach (Item item in alternative.Items)
                    if (item is CallItem call) Visit(call.Rule);
            done[rule] = true;
        }
    }

    private int WordId(string word)
    {
        if (_wordIds.TryGetValue(word, out int id)) return id;
        _wordIds.Add(word, id = _vocabulary.Count);
        _vocabulary.Add(word);
        return id;
    }

    private FormatException Error(string what) => new($"Story grammar, line {_lineNumber}: {what}.");
}
