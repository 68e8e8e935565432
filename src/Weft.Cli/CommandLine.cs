using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Weft.Training;

namespace Weft.Cli;

/// <summary>How every command ends: 0 done, 1 failed, 2 wrong usage, 130 interrupted; one line on standard error says what is wrong.</summary>
internal static class CommandLine
{
    internal const int Failed = 1, WrongUsage = 2, Interrupted = 130;

    internal static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        Option<bool> verbose = new("--verbose") { Description = "Show the whole stack trace of an error.", Recursive = true };
        root.Options.Add(verbose);
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
        string? unknown = Unknown(parsed, args);
        if (parsed.Errors.Count > 0 || unknown is not null)
        {
            Console.Error.WriteLine($"weft: {Fault(parsed, unknown)} Try: weft {CommandPath(parsed.CommandResult)}--help");
            return WrongUsage;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
        catch (Exception exception) when (!parsed.GetValue(verbose))
        {
            Console.Error.WriteLine($"weft: {OneLine(exception)}");
            return exception is UsageException ? WrongUsage : Failed;
        }
    }

    /// <summary>Runs an action that Ctrl-C and SIGTERM may ask to stop; a second Ctrl-C ends the process at once.</summary>
    internal static T Interruptible<T>(Func<CancellationToken, T> action)
    {
        using CancellationTokenSource source = new();
        void Stop(PosixSignalContext context)
        {
            context.Cancel = !source.IsCancellationRequested;
            source.Cancel();
        }
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        return action(source.Token);
    }

    /// <summary>Adds examples below a command's options in its help.</summary>
    internal static T WithExamples<T>(this T command, params string[] examples) where T : Command
    {
        HelpOption? help = command.Options.OfType<HelpOption>().FirstOrDefault(); // the root has one
        if (help is null) command.Options.Add(help = new HelpOption());
        help.Action = new HelpWithExamples((HelpAction)help.Action!, examples);
        return command;
    }

    // A misspelt option may have been taken for an argument; what stands behind a lone -- is meant as one.
    private static string? Unknown(ParseResult parsed, string[] args) =>
        (args.Contains("--") ? null : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(static a => a.Tokens).Select(static t => t.Value).FirstOrDefault(static v => v.Length > 2 && v.StartsWith("--", StringComparison.Ordinal)))
        ?? parsed.UnmatchedTokens.FirstOrDefault();

    // The library's own sentences name types and miss the word that was wrong.
    private static string Fault(ParseResult parsed, string? word)
    {
        if (word is not null)
        {
            IEnumerable<string> known = word.StartsWith('-') ? parsed.CommandResult.Command.Options.Select(static o => o.Name) : parsed.CommandResult.Command.Subcommands.Select(static c => c.Name);
            string? nearest = known.Where(k => EditDistance.Of(k, word) <= 1 + word.Length / 3).MinBy(k => EditDistance.Of(k, word));
            return $"'{word}' is not known here{(nearest is null ? "." : $"; did you mean '{nearest}'?")}";
        }
        string message = string.Join(' ', parsed.Errors[0].Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)); // some go over several lines
        int type = message.IndexOf(" as expected type", StringComparison.Ordinal);
        return type < 0 ? message : message[..type] + ": it is not a number of the right kind.";
    }

    private static string CommandPath(CommandResult command)
    {
        List<string> names = [];
        for (SymbolResult? at = command; at is CommandResult { Command: not RootCommand } result; at = at.Parent) names.Insert(0, result.Command.Name + " ");
        return string.Concat(names);
    }

    private static string OneLine(Exception exception)
    {
        if (exception is AggregateException { InnerExceptions.Count: 1 } aggregate) exception = aggregate.InnerExceptions[0];
        string message = exception is OutOfMemoryException ? "out of memory: use a smaller model, batch or context." : exception.Message;
        return message.ReplaceLineEndings(" ").Replace(" (Parameter '", "\0", StringComparison.Ordinal).Split('\0')[0];
    }

    private sealed class HelpWithExamples(HelpAction inner, string[] examples) : System.CommandLine.Invocation.SynchronousCommandLineAction
    {
        // Who asks for help has not named what the command needs.
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            int result = inner.Invoke(parseResult);
            TextWriter output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (string example in examples) output.WriteLine($"  {example}");
            return result;
        }
    }
}

/// <summary>The command was given something that it cannot accept: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);
