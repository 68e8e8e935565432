using System.CommandLine;

namespace Weft.Cli.Commands;

internal static class ReproduceCommand
{
    internal static Command Create() => new("reproduce");
}
