using System.CommandLine;

namespace Weft.Cli.Commands;

internal static class TokenizerCommand
{
    internal static Command Create() => new("tokenizer");
}
