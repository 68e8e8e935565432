using System.CommandLine;
using Weft.Cli.Terminal;
using Weft.Inference.Hub;

namespace Weft.Cli.Commands;

/// <summary><c>weft pull</c>: brings a model from a hub into the shared cache.</summary>
internal static class PullCommand
{
    internal static Command Create()
    {
        Argument<string> model = new("model") { Description = "ORG/NAME, or ORG/NAME@REVISION with a branch, a tag or a commit." };
        Option<string[]> include = new("--include") { Description = "Only files that match, such as \"*.gguf\"; may be repeated. Default: what Weft reads.", AllowMultipleArgumentsPerToken = false, DefaultValueFactory = _ => [] };
        Option<bool> list = new("--list") { Description = "Only list the model's files." };
        Command command = new("pull", "Bring a model from a hub into the cache that Hugging Face tools share. Prints its folder.") { model, include, list };
        command.SetAction(parsed =>
        {
            HubReference reference = HubReference.TryParse(parsed.GetValue(model)!) ?? throw new UsageException($"'{parsed.GetValue(model)}' does not name a model on a hub: ORG/NAME or ORG/NAME@REVISION.");
            string[] patterns = parsed.GetValue(include) ?? [];
            return CommandLine.Interruptible(stop => parsed.GetValue(list) ? List(reference, patterns, stop) : Pull(reference, patterns, stop));
        });
        return command.WithExamples(
            "weft pull HuggingFaceTB/SmolLM2-135M-Instruct",
            "weft pull bartowski/SmolLM2-135M-Instruct-GGUF --include \"*Q8_0.gguf\"",
            "weft pull openai-community/gpt2 --list",
            "HF_TOKEN=... weft pull my-org/private-model@v1.2",
            "",
            "Environment: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE, as for other tools.");
    }

    private static int Pull(HubReference reference, string[] patterns, CancellationToken stop)
    {
        using HubClient client = new(HubSettings.FromEnvironment());
        string folder;
        using (PullDisplay display = new()) folder = Task.Run(() => client.PullAsync(reference, patterns, display, stop), stop).GetAwaiter().GetResult();
        Console.WriteLine(folder);
        return 0;
    }

    private static int List(HubReference reference, string[] patterns, CancellationToken stop)
    {
        using HubClient client = new(HubSettings.FromEnvironment());
        HubListing listing = Task.Run(() => client.ListAsync(reference, stop), stop).GetAwaiter().GetResult();
        HashSet<HubFile> chosen = [.. listing.Select(patterns)];
        Console.WriteLine($"{reference}, commit {listing.Commit}; * is what weft pull brings.");
        foreach (HubFile file in listing.Files) Console.WriteLine($"{(chosen.Contains(file) ? '*' : ' ')} {(file.Bytes is { } bytes ? PullDisplay.Size(bytes) : "?"),10}  {file.Path}");
        return 0;
    }
}
