namespace Weft.Tokenizers;

/// <summary>One character of a rewritten text and what it stands for in the text before.</summary>
/// <param name="CodePoint">The character.</param>
/// <param name="Change">1: inserted; 0: replaces one character; -n: replaces one character and swallows the n after it.</param>
internal readonly record struct CharacterEdit(int CodePoint, int Change);
