using System.Globalization;
using System.Runtime.InteropServices;
using Weft.Cli.Commands;
using Weft.Inference;

namespace Weft.Cli.Terminal;

/// <summary>The loop of <c>weft chat</c>: reads questions and commands, streams answers.</summary>
/// <remarks>Ctrl-C stops an answer; at an empty prompt it ends the conversation. Lines that end with \ go on, and """ begins and ends a text of many lines.</remarks>
internal sealed class ChatTerminal(ChatSession session, string title, string? transcript)
{
    private const string Help = """
        /help               this list
        /system [TEXT]      show or set the system prompt
        /again              another answer to the last question
        /undo               forget the last question and its answer
        /clear              forget the conversation
        /history            show the conversation
        /save FILE          save the conversation
        /load FILE          go on with a saved conversation
        /set NAME VALUE     temperature, top-p, top-k, min-p, repetition-penalty, max-tokens, seed
        /exit               end (also Ctrl-D)
        A line that ends with \ goes on in the next; three double quotes begin and end a text of many lines. Ctrl-C stops an answer.
        """;

    private const string Block = "\"\"\"";

    private readonly LineEditor _editor = new();
    private CancellationTokenSource? _answering;

    internal int Run()
    {
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        bool terminal = !Console.IsInputRedirected;
        if (terminal) Console.WriteLine($"{title}: context {session.ContextLength.ToString("N0", CultureInfo.InvariantCulture)} tokens. /help lists the commands, Ctrl-D ends.");
        while (Read(terminal) is { } input)
        {
            if (input.Length == 0) continue;
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
        if (terminal) Console.WriteLine();
        return 0;
    }

    private void Interrupt(PosixSignalContext context)
    {
        CancellationTokenSource? answering = _answering;
        context.Cancel = answering is { IsCancellationRequested: false };
        answering?.Cancel();
    }

    // A question or command, of several lines if it says so; null at the end of the input.
    private string? Read(bool terminal)
    {
        string? line = terminal ? _editor.Read("> ") : Console.In.ReadLine();
        if (line is null) return null;
        if (line.TrimStart().StartsWith(Block, StringComparison.Ordinal))
        {
            List<string> lines = [line.TrimStart()[Block.Length..]];
            while (!lines[^1].TrimEnd().EndsWith(Block, StringComparison.Ordinal))
            {
                string? next = terminal ? _editor.Read(". ") : Console.In.ReadLine();
                if (next is null) return string.Join('\n', lines);
                lines.Add(next);
            }
            lines[^1] = lines[^1].TrimEnd()[..^Block.Length];
            return string.Join('\n', lines).Trim('\n');
        }
        while (line.EndsWith('\\'))
        {
            string? next = terminal ? _editor.Read(". ") : Console.In.ReadLine();
            line = line[..^1] + "\n" + next;
            if (next is null) break;
        }
        return line.StartsWith('/') ? line.Trim() : line;
    }

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
            case "/system": session.SystemPrompt = argument; break;
            case "/again": Answer(session.AnswerAgain); break;
            case "/undo": session.Undo(); break;
            case "/clear": session.Clear(); break;
            case "/history":
                foreach ((string role, string content) in session.Messages) Console.WriteLine($"{role}: {content}");
                break;
            case "/save" when argument.Length > 0: session.Save(argument); break;
            case "/load" when argument.Length > 0: session.Load(argument); break;
            case "/set" when argument.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [string name, string value]: Set(name, value); break;
            default: Console.WriteLine($"'{input}' is not a command; /help lists them."); break;
        }
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
