using System.CommandLine;
using Weft.Tensors.Threading;

namespace Weft.Cli.Commands;

/// <summary>What several commands have in common.</summary>
internal static class Shared
{
    internal static Option<int?> Threads() => new("--threads") { Description = "Threads to compute with. The result does not depend on it. Default: all processors, or WEFT_THREADS." };

    internal static void SetThreads(int? threads)
    {
        if (threads is { } count) Usage(() => ForkJoin.ThreadCount = count);
    }

    /// <summary>Runs something whose argument errors are the user's: exit code 2.</summary>
    internal static void Usage(Action action)
    {
        try
        {
            action();
        }
        catch (ArgumentException exception)
        {
            throw new UsageException(exception.Message.Split(" (Parameter")[0]);
        }
    }

    /// <inheritdoc cref="Usage(Action)"/>
    internal static T Usage<T>(Func<T> function)
    {
        T result = default!;
        Usage(() => { result = function(); });
        return result;
    }
}
