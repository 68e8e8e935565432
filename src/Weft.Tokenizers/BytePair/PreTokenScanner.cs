namespace Weft.Tokenizers;

/// <summary>Cuts text into the pieces inside which byte-pair merges may happen.</summary>
internal abstract class PreTokenScanner
{
    /// <summary>The end of the piece that begins at <paramref name="start"/>; always greater than <paramref name="start"/>.</summary>
    public abstract int End(ReadOnlySpan<char> text, int start);
}
