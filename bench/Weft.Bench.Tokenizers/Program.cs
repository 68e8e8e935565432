using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Microsoft.ML.Tokenizers;
using Weft.Bench.Results;
using Weft.Tokenizers;

// Tokenizers side by side in one process: Weft, Microsoft.ML.Tokenizers, and `gzip -6` of the same file as a yardstick that
// everybody has. The sides take turns; figures are medians of the rounds, ratios are taken round by round. Then Weft's trainers.
//
//     dotnet run -c Release --project bench/Weft.Bench.Tokenizers [-- ROUNDS]

string shared = Environment.GetEnvironmentVariable("WEFT_SHARED") ?? Path.Combine("..", "shared");
int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
string[] documents = MixedText.Read(Path.Combine(shared, "data", "corpora"), 20_000_000);
long bytes = documents.Sum(static d => (long)Encoding.UTF8.GetByteCount(d));
string file = Path.GetTempFileName();
File.WriteAllText(file, string.Concat(documents));
Console.WriteLine($"{documents.Length} documents, {bytes / 1e6:F1} MB, {MixedText.Description}");

foreach ((string name, string ranks, string peerName) in (ReadOnlySpan<(string, string, string)>)[("GPT-2 (r50k_base)", "r50k_base", "r50k_base"), ("cl100k_base", "cl100k_base", "cl100k_base")])
{
    Weft.Tokenizers.Tokenizer weft = Weft.Tokenizers.Tokenizer.Load(Path.Combine(shared, "data", "tokenizers", "tiktoken", ranks + ".tiktoken.gz"));
    TiktokenTokenizer peer = TiktokenTokenizer.CreateForEncoding(peerName);
    long ours = 0, theirs = 0;
    Side[] sides =
    [
        new("Weft, 1 thread", () => ours = documents.Sum(d => Count(weft, d))),
        new("Weft, 2 threads", () => Parallel.ForEach(documents, new ParallelOptions { MaxDegreeOfParallelism = 2 }, d => Count(weft, d))),
        new("Microsoft.ML.Tokenizers", () => theirs = documents.Sum(d => (long)peer.EncodeToIds(d, considerPreTokenization: true, considerNormalization: false).Count)),
        new("gzip -6", () => Gzip(file)),
    ];
    foreach (Side side in sides) side.Run(); // warm
    foreach (Side side in sides) side.Clear();
    for (int round = 0; round < rounds; round++)
        foreach (Side side in round % 2 == 0 ? sides : sides.Reverse()) side.Run();

    Console.WriteLine();
    Console.WriteLine($"| {name}: {ours:N0} tokens{(ours == theirs ? ", the same on both sides" : $", the peer {theirs:N0}")} | MB/s | Weft, 1 thread, is faster by |");
    Console.WriteLine("| --- | ---: | --- |");
    foreach (Side side in sides) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {side.Name} | {bytes / 1e6 / side.Median:F1} | {sides[0].RatioTo(side)} |"));
    double work = ResultFile.Median(sides[1].ProcessorSeconds.Zip(sides[0].ProcessorSeconds, static (two, one) => two / one));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Two threads take {work:F2} times the processor time of one: on two free cores they are up to {2 / work:F2} times as fast."));
    ResultFile.Put("Tokenizers", MixedText.Head, string.Create(CultureInfo.InvariantCulture,
        $"| {name} | {bytes / 1e6 / sides[0].Median:F1} | **{sides[0].RatioTo(sides[2])}** | **{sides[0].RatioTo(sides[3])}** | **{sides[1].RatioTo(sides[0])}** | {work:F2} | {rounds} | {DateTime.UtcNow:yyyy-MM-dd} |"));
}
File.Delete(file);

string learned = string.Concat(File.ReadAllText(Path.Combine(shared, "data", "corpora", "tinyshakespeare", "input.txt")), File.ReadAllText(Path.Combine(shared, "data", "corpora", "tinystories", "tinystories_v2_1727.txt")));
string[] lines = [.. learned.Split('\n').Select(static l => l + "\n")];
foreach ((string name, Action train) in (ReadOnlySpan<(string, Action)>)
[
    ("byte-level BPE", () => BytePairTrainer.Train([learned], new BytePairTrainerConfig { VocabularySize = 10_000 })),
    ("Unigram", () => TokenizerTrainer.Train(
        """
        { "normalizer": { "type": "NFKC" }, "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true }, "post_processor": null,
          "decoder": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true } }
        """,
        new UnigramVocabularyConfig { VocabularySize = 10_000, SpecialTokens = ["<unk>"], UnknownToken = "<unk>" }, lines)),
])
{
    Side side = new(name, train);
    double first = side.Run();
    side.Run();
    side.Clear();
    for (int round = 0; round < rounds; round++) side.Run();
    string figure = string.Create(CultureInfo.InvariantCulture, $"{side.Median:F2} s warm ({side.Seconds.Min():F2} to {side.Seconds.Max():F2}), {first:F2} s the first time");
    Console.WriteLine($"Training {name}, 10,000 tokens from {learned.Length / 1e6:F1} MB: {figure}");
    ResultFile.Put("Tokenizers", MixedText.Head, $"- Training {name}, 10,000 tokens from tinyshakespeare and tinystories ({(learned.Length / 1e6).ToString("F1", CultureInfo.InvariantCulture)} MB): {figure} ({DateTime.UtcNow:yyyy-MM-dd})");
}

static long Count(Weft.Tokenizers.Tokenizer tokenizer, string text)
{
    List<int> ids = MixedText.Ids.Value!; // each thread keeps its list, so that two do not meet in the allocator of large objects
    ids.Clear();
    tokenizer.Encode(text, ids);
    return ids.Count;
}

static void Gzip(string file)
{
    using Process process = Process.Start(new ProcessStartInfo("sh", ["-c", $"gzip -6 -c '{file}' > /dev/null"]))!;
    process.WaitForExit();
}

/// <summary>One of those compared.</summary>
internal sealed class Side(string name, Action run)
{
    public string Name => name;

    public List<double> Seconds { get; } = [];

    public double Median => Seconds.Order().ElementAt(Seconds.Count / 2);

    /// <summary>Of this process, on all its threads together.</summary>
    public List<double> ProcessorSeconds { get; } = [];

    public double Run()
    {
        double before = Environment.CpuUsage.TotalTime.TotalSeconds;
        Stopwatch clock = Stopwatch.StartNew();
        run();
        Seconds.Add(clock.Elapsed.TotalSeconds);
        ProcessorSeconds.Add(Environment.CpuUsage.TotalTime.TotalSeconds - before);
        return Seconds[^1];
    }

    public void Clear()
    {
        Seconds.Clear();
        ProcessorSeconds.Clear();
    }

    /// <summary>Median and range of the other's time by this one's, round by round.</summary>
    public string RatioTo(Side other)
    {
        double[] ratios = [.. other.Seconds.Zip(Seconds, static (theirs, ours) => theirs / ours).Order()];
        return string.Create(CultureInfo.InvariantCulture, $"{ratios[ratios.Length / 2]:F2} ({ratios[0]:F2} to {ratios[^1]:F2})");
    }
}

/// <summary>Texts of several languages and kinds, in documents of about 100 kB, each equally often until there is enough.</summary>
internal static class MixedText
{
    public const string Description = "English prose, verse and reference works, German, French, Spanish, Russian, Turkish, Welsh, Japanese";

    /// <summary>What the results say above their table.</summary>
    public static readonly string[] Head =
    [
        $"20 MB: {Description}; medians of rounds in turns. How many times as fast one thread of Weft is as the others, and two threads as one; how much processor time two threads take, by one's.",
        "",
        "| vocabulary | MB/s, one thread | by Microsoft.ML.Tokenizers | by gzip -6 | two threads by one | their processor time | rounds | date |",
        "| --- | ---: | --- | --- | --- | ---: | ---: | --- |",
    ];

    /// <summary>Where a thread's token ids go.</summary>
    public static readonly ThreadLocal<List<int>> Ids = new(static () => []);

    private static readonly string[] s_sources =
    [
        "gutenberg/war-and-peace.txt.gz", "gutenberg/pride-and-prejudice_pg1342.txt.gz", "gutenberg/wagahai_ja.txt.gz", "from-packages/jargon-file.txt.gz", "from-packages/kjv.txt.gz",
        "from-packages/dasher_german_DE.txt.gz", "from-packages/dasher_french_FR.txt.gz", "from-packages/dasher_spanish_ES.txt.gz", "from-packages/dasher_russian_RU.txt.gz",
        "from-packages/dasher_turkish_TR.txt.gz", "from-packages/dasher_welsh_GB.txt.gz", "wikitext-2/test.txt.gz", "wikitext-2/valid.txt.gz", "from-packages/moby-dick.txt.gz",
    ];

    public static string[] Read(string folder, int bytes)
    {
        const int DocumentLength = 100_000;
        List<string> chunks = [];
        foreach (string source in s_sources)
        {
            using StreamReader reader = new(new GZipStream(File.OpenRead(Path.Combine(folder, source)), CompressionMode.Decompress));
            string text = reader.ReadToEnd();
            for (int start = 0; start < text.Length; start += DocumentLength) chunks.Add(text.Substring(start, Math.Min(DocumentLength, text.Length - start)));
        }
        List<string> documents = [];
        long total = 0;
        for (int i = 0; total < bytes; i = (i + 7) % chunks.Count)
        {
            documents.Add(chunks[i]);
            total += Encoding.UTF8.GetByteCount(chunks[i]);
        }
        return [.. documents];
    }
}
