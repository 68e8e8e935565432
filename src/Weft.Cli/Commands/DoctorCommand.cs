using System.CommandLine;

namespace Weft.Cli.Commands;

internal static class DoctorCommand
{
    internal static Command Create() => new("doctor");
}
