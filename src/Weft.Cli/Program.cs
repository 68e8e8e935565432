using System.CommandLine;
using Weft.Cli;
using Weft.Cli.Commands;

RootCommand root = new("Weft: language models in pure C#. Build, train and run GPT-family models with one command.");
root.WithExamples(
    "weft train                                            a first model, from stories that Weft writes: a minute or two",
    "weft chat model.gguf                                  talk with a model that you have",
    "weft chat HuggingFaceTB/SmolLM2-135M-Instruct         the same with one from a hub",
    "weft quantize my-model my-model.Q4_K_M.gguf           make it smaller",
    "weft perplexity my-model text.txt                     see what that cost",
    "Each command has its own: weft chat --help");
(string Name, Func<Command> Create)[] commands =
[
    ("train", TrainCommand.Create),
    ("generate", GenerateCommand.Create),
    ("chat", ChatCommand.Create),
    ("perplexity", PerplexityCommand.Create),
    ("embed", EmbedCommand.Create),
    ("fill", FillCommand.Create),
    ("classify", ClassifyCommand.Create),
    ("seq2seq", Seq2SeqCommand.Create),
    ("report", ReportCommand.Create),
    ("info", InfoCommand.Create),
    ("inspect", InspectCommand.Create),
    ("convert", ConvertCommand.Create),
    ("quantize", QuantizeCommand.Create),
    ("pull", PullCommand.Create),
    ("tokenizer", TokenizerCommand.Create),
    ("doctor", DoctorCommand.Create),
    ("bench", BenchCommand.Create),
    ("reproduce", ReproduceCommand.Create),
];
// Making them all takes some 30 ms, so the one that is named first is made alone.
int named = Array.FindIndex(commands, command => args.Length > 0 && command.Name == args[0]);
foreach ((_, Func<Command> create) in named < 0 ? commands : [commands[named]]) root.Subcommands.Add(create());
return await CommandLine.RunAsync(root, args);
