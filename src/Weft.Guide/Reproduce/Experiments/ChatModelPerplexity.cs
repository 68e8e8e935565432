using System.IO.Compression;
using System.Text;
using Weft.Inference;
using Weft.Models.Families.Gguf;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>A published chat model has the perplexity that others measured for the same file.</summary>
public sealed class ChatModelPerplexity : Experiment
{
    private const int Window = 512, WindowCount = 40;

    private static readonly string s_shared = Environment.GetEnvironmentVariable("WEFT_SHARED") ?? Path.Combine("..", "shared");

    private static string Model => Path.Combine(s_shared, "models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");

    private static string Text => Path.Combine(s_shared, "data", "corpora", "wikitext-2", "test.txt.gz");

    /// <inheritdoc/>
    public override string Name => "chat-perplexity";

    /// <inheritdoc/>
    public override string Claim => "SmolLM2-135M-Instruct in Q4_1 has the perplexity of transformers when dequantized, and that of llama.cpp with rounded activations.";

    /// <inheritdoc/>
    public override string Source => "transformers 5.23 on the dequantized weights, and llama.cpp (llama-cpp-python 0.3.36) on the file itself.";

    /// <inheritdoc/>
    public override string Procedure => $"The first {WindowCount} windows of {Window} tokens of WikiText-2's test text, by three definitions; all in float32, one again with activations of eight bits.";

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.Near("windows that do not overlap", 25.6153, 0.0026, "perplexity per token", "1e-4 relative: the order of float32 sums."),
        ExpectedFigure.Near("second half of each window", 18.9791, 0.0019, "perplexity per token", "llama.cpp's definition; 1e-4 relative."),
        ExpectedFigure.Near("stride of 256", 19.7048, 0.002, "perplexity per token", "Every token but the first once; 1e-4 relative."),
        ExpectedFigure.Near("windows that do not overlap, eight bits", 25.6638, 0.1283, "perplexity per token", "0.5 %: two engines that round differ by chance."),
    ];

    /// <inheritdoc/>
    public override double ExpectedSeconds => 300;

    /// <inheritdoc/>
    public override ExperimentPace Pace => ExperimentPace.Nightly;

    /// <inheritdoc/>
    public override string? Missing => !File.Exists(Model) ? $"needs {Model}; set WEFT_SHARED to the folder that holds it." : File.Exists(Text) ? null : $"needs {Text}; set WEFT_SHARED to the folder that holds it.";

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        LanguageModel exact = LanguageModel.Load(Model), int8 = LanguageModel.Load(Model, compute: ComputePath.Int8);
        using StreamReader reader = new(new GZipStream(File.OpenRead(Text), CompressionMode.Decompress), Encoding.UTF8);
        char[] characters = new char[WindowCount * Window * 8]; // more than the tokens need
        int read = reader.ReadBlock(characters);
        int[] ids = exact.Tokenizer.Encode(new string(characters, 0, read))[..(WindowCount * Window)];
        return
        [
            Of("plain", Perplexity.Measure(exact.Model, ids, Window, Window, cancellation: cancellation)),
            Of("second half", Perplexity.Measure(exact.Model, ids, Window, Window, secondHalfOnly: true, cancellation)),
            Of("stride", Perplexity.Measure(exact.Model, ids, Window, Window / 2, cancellation: cancellation)),
            Of("eight bits", Perplexity.Measure(int8.Model, ids, Window, Window, cancellation: cancellation)),
        ];

        double Of(string name, IEnumerable<PerplexityWindow> windows)
        {
            double sum = 0;
            int count = 0, done = 0;
            foreach (PerplexityWindow window in windows)
            {
                sum += window.NegativeLogLikelihood;
                count += window.ScoredCount;
                progress.Report($"{name}, window {++done}: perplexity so far {Math.Exp(sum / count):F3}");
            }
            return Math.Exp(sum / count);
        }
    }
}
