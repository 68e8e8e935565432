using System.CommandLine;
using Weft.Cli;
using Weft.Cli.Commands;

RootCommand root = new("Weft: language models in pure C#. Build, train and run GPT-family models with one command.");
root.Subcommands.Add(TrainCommand.Create());
root.Subcommands.Add(GenerateCommand.Create());
root.Subcommands.Add(ChatCommand.Create());
root.Subcommands.Add(PerplexityCommand.Create());
root.Subcommands.Add(ReportCommand.Create());
root.Subcommands.Add(InfoCommand.Create());
root.Subcommands.Add(InspectCommand.Create());
root.Subcommands.Add(ConvertCommand.Create());
root.Subcommands.Add(QuantizeCommand.Create());
root.Subcommands.Add(PullCommand.Create());
root.Subcommands.Add(TokenizerCommand.Create());
root.Subcommands.Add(DoctorCommand.Create());
root.Subcommands.Add(ReproduceCommand.Create());
return await CommandLine.RunAsync(root, args);
