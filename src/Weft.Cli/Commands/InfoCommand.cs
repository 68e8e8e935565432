using System.CommandLine;

namespace Weft.Cli.Commands;

internal static class InfoCommand
{
    internal static Command Create() => new("info");
}
