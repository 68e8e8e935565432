using System.Globalization;
using System.Runtime.InteropServices;
using Weft.Cli.Commands;
using Weft.Inference;

namespace Weft.Cli.Terminal;

/// <summary>The loop of <c>weft chat</c>: reads questions and commands, streams answers.</summary>
/// <remarks>Ctrl-C stops an answer, and drops a line that is being typed; twice on an empty line it ends the conversation. Lines that end with \ go on, and """ begins and ends a text of many lines.</remarks>
internal sealed class ChatTerminal(ChatSession session, string title, string? transcript)
{
    private const string Help = """
        /help               this list
        /system [TEXT]      show or set the system prompt
        /again              another answer to the last question
        /undo               forget the last question and its answer
        /clear              forget the conversation
        /history            show the conversation
        /save [FILE]        save the conversation; without a name, where --transcript says
        /load FILE          go on with a saved conversation
        /set [NAME VALUE]   show or set temperature, top-p, top-k, min-p, repetition-penalty, max-tokens, seed
        /exit               end (also Ctrl-D)
        A line that ends with \ goes on in the next; three double quotes begin and end a text of many lines.
        Ctrl-C stops an answer, or drops the line; twice on an empty line, it ends. Up and Down bring earlier lines back.
        """;

    private const string Block = "\"\"\"";

    private readonly LineEditor _editor = new();
    private readonly bool _terminal = !Console.IsInputRedirected;
    private CancellationTokenSource? _answering;

    internal int Run()
    {
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        if (_terminal) Console.WriteLine($"{title}: context {session.ContextLength.ToString("N0", CultureInfo.InvariantCulture)} tokens. /help lists the commands, Ctrl-D ends.");
        bool warned = false;
        while (true)
        {
            (LineEnd end, string input) = Read();
            if (end == LineEnd.Closed || (end == LineEnd.Abandoned && input.Length == 0 && warned)) break;
            warned = end == LineEnd.Abandoned && input.Length == 0;
            if (warned) Console.WriteLine("Ctrl-C once more, or Ctrl-D, ends.");
            if (end == LineEnd.Abandoned || input.Length == 0) continue;
            if (!input.StartsWith('/'))
            {
                Answer(stop => session.Ask(input, stop));
                continue;
            }
            if (input is "/exit" or "/quit") break;
            try
            {
                Execute(input);
            }
            catch (Exception exception) when (exception is ArgumentException or IOException or InvalidOperationException or UnauthorizedAccessException)
            {
                Console.WriteLine(exception.Message.ReplaceLineEndings(" "));
            }
        }
        return 0;
    }

    private void Interrupt(PosixSignalContext context)
    {
        CancellationTokenSource? answering = _answering;
        context.Cancel = answering is { IsCancellationRequested: false };
        answering?.Cancel();
    }

    // A question or command, of several lines if it says so.
    private (LineEnd, string) Read()
    {
        (LineEnd end, string line) = ReadLine("> ");
        if (line.TrimStart().StartsWith(Block, StringComparison.Ordinal))
        {
            string text = line.TrimStart()[Block.Length..];
            while (end == LineEnd.Entered && !text.TrimEnd().EndsWith(Block, StringComparison.Ordinal))
            {
                (end, line) = ReadLine(". ");
                text += "\n" + line;
            }
            return end == LineEnd.Abandoned ? (end, text + line) : (LineEnd.Entered, (end == LineEnd.Entered ? text.TrimEnd()[..^Block.Length] : text).Trim('\n'));
        }
        while (end == LineEnd.Entered && line.EndsWith('\\'))
        {
            (end, string next) = ReadLine(". ");
            line = line[..^1] + "\n" + next;
        }
        if (end == LineEnd.Abandoned || line.Length == 0) return (end, line);
        return (LineEnd.Entered, line.StartsWith('/') ? line.Trim() : line);
    }

    private (LineEnd End, string Text) ReadLine(string prompt) =>
        _terminal ? _editor.Read(prompt) : Console.In.ReadLine() is { } line ? (LineEnd.Entered, line) : (LineEnd.Closed, "");

    private void Answer(Func<CancellationToken, IEnumerable<string>> ask)
    {
        using CancellationTokenSource stop = new();
        _answering = stop;
        try
        {
            foreach (string piece in ask(stop.Token)) Console.Write(piece);
        }
        finally
        {
            _answering = null;
        }
        Console.WriteLine(stop.IsCancellationRequested ? " [stopped]" : "");
        if (!Console.IsErrorRedirected) Console.Error.WriteLine(ChatCommand.Meter(session));
        if (transcript is not null) session.Save(transcript);
    }

    private void Execute(string input)
    {
        string[] words = input.Split(' ', 2, StringSplitOptions.TrimEntries);
        string argument = words.Length > 1 ? words[1] : "";
        switch (words[0])
        {
            case "/help": Console.WriteLine(Help); break;
            case "/system" when argument.Length == 0: Console.WriteLine(session.SystemPrompt ?? "(what the model's template says)"); break;
            case "/system":
                session.SystemPrompt = argument;
                Console.WriteLine("From the next answer on.");
                break;
            case "/again": Answer(session.AnswerAgain); break;
            case "/undo":
                session.Undo();
                Console.WriteLine(Held());
                break;
            case "/clear":
                session.Clear();
                Console.WriteLine(Held());
                break;
            case "/history" when session.Messages.Count == 0: Console.WriteLine(Held()); break;
            case "/history":
                foreach ((string role, string content) in session.Messages) Console.WriteLine($"{role}: {content}");
                break;
            case "/save" when argument.Length > 0 || transcript is not null:
                string file = argument.Length > 0 ? argument : transcript!;
                session.Save(file);
                Console.WriteLine($"{file}: {Held()}");
                break;
            case "/load" when argument.Length > 0:
                if (!File.Exists(argument)) throw new FileNotFoundException($"{argument}: there is no such file.");
                session.Load(argument);
                Console.WriteLine($"{argument}: {Held()}");
                break;
            case "/save" or "/load": Console.WriteLine($"{words[0]} needs a file: {words[0]} talk.json"); break;
            case "/set" when argument.Length == 0:
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"temperature {session.Sampling.Temperature}, top-p {session.Sampling.TopP}, top-k {session.Sampling.TopK}, min-p {session.Sampling.MinP}, repetition-penalty {session.Sampling.RepetitionPenalty}, max-tokens {session.MaximumTokens}, seed {session.Sampling.Seed}"));
                break;
            case "/set" when argument.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [string name, string value]: Set(name, value); break;
            case "/set": Console.WriteLine("/set needs a name and a number: /set temperature 0.2"); break;
            default: Console.WriteLine($"'{words[0]}' is not a command; /help lists them."); break;
        }
    }

    private string Held()
    {
        int questions = session.Messages.Count(static m => m.Role == "user");
        return questions switch { 0 => "nothing was asked yet.", 1 => "one question and its answer.", _ => $"{questions} questions and their answers." };
    }

    private void Set(string name, string value)
    {
        if (!double.TryParse(value, CultureInfo.InvariantCulture, out double number)) throw new ArgumentException($"'{value}' is not a number.");
        if (name == "max-tokens")
        {
            session.MaximumTokens = number >= 1 ? (int)number : throw new ArgumentException($"max-tokens {value} must be at least 1.");
            return;
        }
        Weft.Inference.Sampling.SamplingSettings changed = name switch
        {
            "temperature" => session.Sampling with { Temperature = number },
            "top-p" => session.Sampling with { TopP = number },
            "top-k" => session.Sampling with { TopK = (int)number },
            "min-p" => session.Sampling with { MinP = number },
            "repetition-penalty" => session.Sampling with { RepetitionPenalty = number },
            "seed" => session.Sampling with { Seed = (ulong)number },
            _ => throw new ArgumentException($"'{name}' is not a setting: temperature, top-p, top-k, min-p, repetition-penalty, max-tokens, seed."),
        };
        changed.Validate();
        session.Sampling = changed;
    }
}
