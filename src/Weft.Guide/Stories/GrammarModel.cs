namespace Weft.Guide.Stories;

/// <summary>A table of entries that a register can hold; column 0 is the entry itself, the others are its features.</summary>
internal sealed class WordList(string name, string[] features, string[][] entries)
{
    public string Name { get; } = name;
    public string[] Features { get; } = features;

    /// <summary>Text by entry and feature.</summary>
    public string[][] Entries { get; } = entries;
    public int Count => Entries.Length;

    /// <summary>The words of each entry and feature as items, as written and with a first capital: [entry][feature * 2 + capital].</summary>
    public Item[][][] Phrases { get; set; } = [];

    public Item[] Phrase(int entry, int feature, bool capital) => Phrases[entry][(feature * 2) + (capital ? 1 : 0)];
}

/// <summary>A memory of the story, such as who the hero is: it holds the number of an entry of one list, or -1 before it is bound.</summary>
internal sealed record Register(int Index, string Name, WordList List);

/// <summary>One element of an alternative.</summary>
internal abstract class Item;

/// <summary>A fixed word.</summary>
internal sealed class WordItem(int word) : Item
{
    public int Word { get; } = word;
}

/// <summary>Writes a feature of a register; a binding slot first chooses the entry, uniformly among those that pass the filter.</summary>
internal sealed class SlotItem(Register register, int feature, bool capital, bool binds, Match? filter) : Item
{
    public Register Register { get; } = register;
    public int Feature { get; } = feature;
    public bool Capital { get; } = capital;
    public bool Binds { get; } = binds;
    public Match? Filter { get; } = filter;

    /// <summary>Whether the choice may fall on this entry. The filter's register must be bound.</summary>
    public bool Allows(int entry, int[] registers) =>
        Filter is null ||
        Register.List.Entries[entry][Filter.Feature] == Filter.Other.List.Entries[registers[Filter.Other.Index]][Filter.OtherFeature];

    public int AllowedCount(int[] registers)
    {
        if (Filter is null) return Register.List.Count;
        int count = 0;
        for (int entry = 0; entry < Register.List.Count; entry++)
            if (Allows(entry, registers)) count++;
        return count;
    }
}

/// <summary>A rule inserted at this place.</summary>
internal sealed class CallItem(Rule rule) : Item
{
    public Rule Rule { get; } = rule;
}

/// <summary>The filter of a binding slot: the new entry's feature must equal a feature of another register.</summary>
internal sealed record Match(int Feature, Register Other, int OtherFeature);

/// <summary>The condition of an alternative: a register's feature must be one of these values; without values, the register must be bound.</summary>
internal sealed record Guard(Register Register, int Feature, string[] Values)
{
    public bool Holds(int[] registers) =>
        registers[Register.Index] is >= 0 and int entry && (Values.Length == 0 || Array.IndexOf(Values, Register.List.Entries[entry][Feature]) >= 0);
}

/// <summary>One way to write a rule.</summary>
internal sealed record Alternative(int Weight, Guard? Guard, Item[] Items);

/// <summary>A nonterminal. A sentence rule writes exactly one sentence.</summary>
internal sealed class Rule(string name, bool isSentence)
{
    public string Name { get; } = name;
    public bool IsSentence { get; } = isSentence;
    public Alternative[] Alternatives { get; set; } = [];

    /// <summary>The sum of the weights of the alternatives whose guards hold.</summary>
    public int TotalWeight(int[] registers)
    {
        int total = 0;
        foreach (Alternative alternative in Alternatives)
            if (alternative.Guard?.Holds(registers) != false) total += alternative.Weight;
        return total;
    }
}

/// <summary>What is still to be written: the items from <see cref="Index"/> on, then the parent's.</summary>
/// <remarks>Two frames are equal when the same items remain, which lets equal states be merged.</remarks>
internal sealed class Frame : IEquatable<Frame>
{
    private readonly int _hash;

    private Frame(Item[] items, int index, Frame? parent)
    {
        (Items, Index, Parent) = (items, index, parent);
        _hash = HashCode.Combine(System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(items), index, parent);
    }

    public Item[] Items { get; }
    public int Index { get; }
    public Frame? Parent { get; }
    public Item Top => Items[Index];
    public Frame? Rest => Of(Items, Index + 1, Parent);

    /// <summary>The frame for these items, or the parent when none is left: no frame is ever empty.</summary>
    public static Frame? Of(Item[] items, int index, Frame? parent) =>
        index < items.Length ? new Frame(items, index, parent) : parent;

    public bool Equals(Frame? other) =>
        ReferenceEquals(this, other) ||
        (other is not null && _hash == other._hash && ReferenceEquals(Items, other.Items) && Index == other.Index && Equals(Parent, other.Parent));

    public override bool Equals(object? obj) => Equals(obj as Frame);
    public override int GetHashCode() => _hash;
}

/// <summary>A compiled grammar.</summary>
internal sealed class GrammarModel
{
    public required string[] Vocabulary { get; init; }
    public required Register[] Registers { get; init; }
    public required Rule[] Rules { get; init; }

    /// <summary>What a story is: the first rule, then the line end.</summary>
    public required Frame Start { get; init; }

    public int[] NewRegisters()
    {
        int[] registers = new int[Registers.Length];
        Array.Fill(registers, -1);
        return registers;
    }
}
