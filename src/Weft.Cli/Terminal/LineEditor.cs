using System.Globalization;
using System.Text;

namespace Weft.Cli.Terminal;

/// <summary>How the reading of a line ended.</summary>
internal enum LineEnd
{
    /// <summary>By Enter.</summary>
    Entered,

    /// <summary>By Ctrl-C: what was typed is dropped.</summary>
    Abandoned,

    /// <summary>By Ctrl-D on an empty line.</summary>
    Closed,
}

/// <summary>Reads a line from a terminal with the usual keys: arrows, Home, End, Delete, Up and Down for earlier lines, Ctrl-A, E, K, U, W.</summary>
/// <remarks>What is pasted comes in whole, its line ends as a part of the text: the terminal is asked to mark it (bracketed paste).</remarks>
internal sealed class LineEditor
{
    private const string BeginsPaste = "[200~", EndsPaste = "\e[201~";

    private readonly List<string> _history = [];

    /// <summary>Reads a line: what was entered, or what was dropped.</summary>
    internal (LineEnd End, string Text) Read(string prompt)
    {
        bool before = Console.TreatControlCAsInput;
        Console.TreatControlCAsInput = true;
        Console.Write("\e[?2004h" + prompt);
        try
        {
            (LineEnd end, string text) = Edit(prompt);
            if (end == LineEnd.Entered && text.Length > 0 && (_history.Count == 0 || _history[^1] != text)) _history.Add(text);
            return (end, text);
        }
        finally
        {
            Console.WriteLine("\e[?2004l");
            Console.TreatControlCAsInput = before;
        }
    }

    private (LineEnd, string) Edit(string prompt)
    {
        StringBuilder line = new();
        int cursor = 0, at = _history.Count;
        string unfinished = "";
        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Show(prompt, line.ToString(), line.Length);
                    return (LineEnd.Entered, line.ToString());
                case ConsoleKey.C when Control(key):
                    Show(prompt, line + "^C", line.Length + 2);
                    return (LineEnd.Abandoned, line.ToString());
                case ConsoleKey.D when Control(key) && line.Length == 0: return (LineEnd.Closed, "");
                case ConsoleKey.Backspace: Remove(Left()); break;
                case ConsoleKey.Delete: Remove(Right()); break;
                case ConsoleKey.D when Control(key): Remove(Right()); break;
                case ConsoleKey.LeftArrow: cursor = Left(); break;
                case ConsoleKey.RightArrow: cursor = Right(); break;
                case ConsoleKey.Home: cursor = 0; break;
                case ConsoleKey.A when Control(key): cursor = 0; break;
                case ConsoleKey.End: cursor = line.Length; break;
                case ConsoleKey.E when Control(key): cursor = line.Length; break;
                case ConsoleKey.U when Control(key): Remove(0); break;
                case ConsoleKey.K when Control(key): Remove(line.Length); break;
                case ConsoleKey.W when Control(key): Remove(line.ToString(0, cursor).TrimEnd().LastIndexOf(' ') + 1); break;
                case ConsoleKey.UpArrow when at > 0:
                    if (at == _history.Count) unfinished = line.ToString();
                    Replace(_history[--at]);
                    break;
                case ConsoleKey.DownArrow when at < _history.Count: Replace(++at == _history.Count ? unfinished : _history[at]); break;
                case ConsoleKey.Escape:
                    if (Pasted() is { } pasted)
                    {
                        line.Insert(cursor, pasted);
                        cursor += pasted.Length;
                    }
                    break;
                default:
                    if (!char.IsControl(key.KeyChar)) line.Insert(cursor++, key.KeyChar);
                    break;
            }
            if (!Console.KeyAvailable) Show(prompt, line.ToString(), cursor);
        }

        static bool Control(ConsoleKeyInfo key) => key.Modifiers.HasFlag(ConsoleModifiers.Control);

        // Where the character before and the one after the cursor begin and end: it may be several units long.
        int Left() => cursor == 0 ? 0 : StringInfo.ParseCombiningCharacters(line.ToString(0, cursor))[^1];
        int Right() => cursor == line.Length ? cursor : cursor + StringInfo.GetNextTextElementLength(line.ToString(), cursor);

        void Remove(int other)
        {
            line.Remove(Math.Min(cursor, other), Math.Abs(cursor - other));
            cursor = Math.Min(cursor, other);
        }

        void Replace(string text)
        {
            line.Clear().Append(text);
            cursor = line.Length;
        }
    }

    // The text between the marks of a paste; null where an escape key was no such mark.
    private static string? Pasted()
    {
        StringBuilder read = new();
        while (read.Length < BeginsPaste.Length && Console.KeyAvailable) read.Append(Console.ReadKey(intercept: true).KeyChar);
        if (read.ToString() != BeginsPaste) return null;
        read.Clear();
        while (!read.ToString().EndsWith(EndsPaste, StringComparison.Ordinal)) read.Append(Console.ReadKey(intercept: true).KeyChar);
        return read.ToString(0, read.Length - EndsPaste.Length).ReplaceLineEndings("\n").TrimEnd('\n');
    }

    // One row: a longer line shows the part around the cursor.
    private static void Show(string prompt, string line, int cursor)
    {
        line = line.Replace('\n', '⏎').Replace('\t', ' ');
        int room = Math.Max(10, Console.WindowWidth - prompt.Length - 1), first = 0, last = cursor;
        while (Width(line[first..cursor]) > room) first += StringInfo.GetNextTextElementLength(line, first);
        while (last < line.Length && Width(line[first..(last + StringInfo.GetNextTextElementLength(line, last))]) <= room) last += StringInfo.GetNextTextElementLength(line, last);
        Console.Write($"\r{prompt}{line[first..last]}\e[K\r\e[{prompt.Length + Width(line[first..cursor])}C");
    }

    /// <summary>The columns that a text takes: none for marks, two for East Asian characters and emoji (Unicode's annex 11, in broad ranges).</summary>
    internal static int Width(string text)
    {
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            bool mark = Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format;
            bool wide = rune.Value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF) or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
                or (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD);
            width += mark ? 0 : wide ? 2 : 1;
        }
        return width;
    }
}
