using System.Text;

namespace Weft.Cli.Terminal;

/// <summary>Reads a line from a terminal with the usual keys: arrows, Home, End, Delete, and Up and Down for earlier lines.</summary>
internal sealed class LineEditor
{
    private readonly List<string> _history = [];

    /// <summary>Reads a line; null at Ctrl-D on an empty one.</summary>
    internal string? Read(string prompt)
    {
        StringBuilder line = new();
        int cursor = 0, at = _history.Count;
        string unfinished = "";
        Console.Write(prompt);
        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            bool control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Console.WriteLine();
                    string text = line.ToString();
                    if (text.Length > 0 && (_history.Count == 0 || _history[^1] != text)) _history.Add(text);
                    return text;
                case ConsoleKey.D when control && line.Length == 0: return null;
                case ConsoleKey.Backspace when cursor > 0: line.Remove(--cursor, 1); break;
                case ConsoleKey.Delete when cursor < line.Length: line.Remove(cursor, 1); break;
                case ConsoleKey.LeftArrow when cursor > 0: cursor--; break;
                case ConsoleKey.RightArrow when cursor < line.Length: cursor++; break;
                case ConsoleKey.Home: cursor = 0; break;
                case ConsoleKey.A when control: cursor = 0; break;
                case ConsoleKey.End: cursor = line.Length; break;
                case ConsoleKey.E when control: cursor = line.Length; break;
                case ConsoleKey.U when control: line.Remove(0, cursor); cursor = 0; break;
                case ConsoleKey.UpArrow when at > 0:
                    if (at == _history.Count) unfinished = line.ToString();
                    Replace(_history[--at]);
                    break;
                case ConsoleKey.DownArrow when at < _history.Count: Replace(++at == _history.Count ? unfinished : _history[at]); break;
                default:
                    if (!char.IsControl(key.KeyChar)) line.Insert(cursor++, key.KeyChar);
                    break;
            }
            Show();
        }

        void Replace(string text)
        {
            line.Clear().Append(text);
            cursor = line.Length;
        }

        // One row: a longer line shows the part around the cursor.
        void Show()
        {
            int room = Math.Max(10, Console.WindowWidth - prompt.Length - 1), first = Math.Max(0, cursor - room);
            string shown = line.ToString(first, Math.Min(room, line.Length - first));
            Console.Write($"\r{prompt}{shown}\e[K\r\e[{prompt.Length + cursor - first}C");
        }
    }
}
