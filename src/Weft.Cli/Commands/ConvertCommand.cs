using System.CommandLine;
using Weft.Cli.Terminal;
using Weft.Inference.Conversion;
using Weft.Models.Families.Gguf;
using Weft.Tensors.Files;

namespace Weft.Cli.Commands;

/// <summary><c>weft convert</c>: from one layout of a model to another.</summary>
internal static class ConvertCommand
{
    internal static Command Create()
    {
        Argument<string> source = new("in") { Description = "A GGUF file, a model's or a run's folder, or ORG/NAME." };
        Argument<string> target = new("out") { Description = "A name that ends with .gguf, or a folder for the Hugging Face layout." };
        Option<string?> dtype = new("--dtype") { Description = "F32, F16 or BF16. Default: what the source has; in a folder, what is quantized becomes F32." };
        Option<string?> size = new("--max-file-size") { Description = "Split into files of at most this size, such as 2GB. Default: one file; in a folder 5GB." };
        Command command = new("convert", "Turn a GGUF file into a model folder or the other way round, or change its type or its split.") { source, target, dtype, size };
        command.SetAction(parsed =>
        {
            string input = RunFolders.Model(parsed.GetValue(source)), output = parsed.GetValue(target)!;
            long? most = parsed.GetValue(size) is { } text ? Shared.ParseBytes(text, "--max-file-size") : null;
            string? type = parsed.GetValue(dtype)?.ToUpperInvariant();
            if (type is not (null or "F32" or "F16" or "BF16")) throw new UsageException($"--dtype '{parsed.GetValue(dtype)}' is not F32, F16 or BF16; for other types use weft quantize.");
            if (Path.GetFullPath(input) == Path.GetFullPath(output)) throw new UsageException("in and out are the same.");
            IReadOnlyList<string> files;
            using (ProgressLine line = new(onError: true))
            {
                LineProgress progress = new(line);
                files = output.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase)
                    ? GgufExport.Write(input, output, type is null ? null : GgufMixture.Of(type), maximumFileBytes: most, progress: progress)
                    : FolderExport.Write(input, output, type is null ? null : Enum.Parse<SafetensorsType>(type), most ?? 5_000_000_000, progress);
            }
            bool gguf = output.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase);
            foreach (string name in files)
            {
                string file = gguf ? name : Path.Combine(output, name);
                Console.WriteLine($"{file}: {PullDisplay.Size(new FileInfo(file).Length)}");
            }
            string first = gguf ? files[0] : output;
            Console.WriteLine($"Next: weft chat {Shared.Quoted(first)}, weft inspect {Shared.Quoted(first)}");
            return 0;
        });
        return command.WithExamples(
            "weft convert SmolLM2-135M-Instruct.Q4_1.gguf smollm2",
            "weft convert smollm2 smollm2.f16.gguf --dtype F16",
            "weft convert big.gguf big-parts.gguf --max-file-size 2GB");
    }
}
