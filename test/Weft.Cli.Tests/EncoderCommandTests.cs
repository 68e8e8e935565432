using System.Text.Json;
using Weft.Models.Encoder;
using Weft.Models.EncoderDecoder;
using Weft.Models.Families;
using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Cli.Tests;

/// <summary><c>weft embed</c>, <c>fill</c>, <c>classify</c> and <c>seq2seq</c>, on tiny random models that the test writes.</summary>
public sealed class EncoderCommandTests
{
    private static readonly string[] s_vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "blue", "house", "tree", "bird", "is", "a", "the", "."];

    [Fact]
    public void Embed_TextsThatAreTheSame_HaveSimilarityOne()
    {
        using TemporaryFolder folder = Encoder(EncoderHead.None);
        (int exit, string output, string errors) = WeftProcess.Run(folder.Path, "embed", folder.Path, "a red house", "a red house", "the blue bird .", "--json");
        Assert.Equal((0, ""), (exit, errors));
        JsonElement root = JsonDocument.Parse(output).RootElement;
        // The second text is the first again, so their cosine is 1 up to rounding; every vector has length 1.
        Assert.Equal(1, root.GetProperty("similarity")[0][1].GetDouble(), 5);
        Assert.Equal(1, root.GetProperty("similarity")[2][2].GetDouble(), 5);
        Assert.Equal(16, root.GetProperty("vectors")[0].GetArrayLength());
    }

    [Fact]
    public void Embed_SearchOverAFolder_FindsThePassageThatIsTheQuery()
    {
        using TemporaryFolder folder = Encoder(EncoderHead.None);
        string texts = Directory.CreateDirectory(Path.Combine(folder.Path, "texts")).FullName;
        File.WriteAllText(Path.Combine(texts, "a.txt"), "the tree is green .\n\na red house\nis a house .\n");
        (int exit, string output, _) = WeftProcess.Run(folder.Path, "embed", folder.Path, "--search", "a red house is a house .", "--in", "texts", "--top", "1");
        Assert.Equal(0, exit);
        Assert.Contains("a.txt:3", output, StringComparison.Ordinal); // the paragraph begins on line 3
        Assert.StartsWith("1.000", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Fill_AGap_GivesProbabilitiesInDescendingOrder()
    {
        using TemporaryFolder folder = Encoder(EncoderHead.MaskedLanguageModel);
        (int exit, string output, string errors) = WeftProcess.Run(folder.Path, "fill", folder.Path, "the [MASK] is red", "--top", "15", "--json");
        Assert.Equal((0, ""), (exit, errors));
        double[] probabilities = [.. JsonDocument.Parse(output).RootElement[0].EnumerateArray().Select(static t => t.GetProperty("probability").GetDouble())];
        Assert.Equal(probabilities.OrderDescending(), probabilities);
        Assert.Equal(1, probabilities.Sum(), 4); // all 15 tokens of the vocabulary are shown
    }

    [Fact]
    public void Fill_ATextWithoutGap_IsOneLineAndWrongUsage()
    {
        using TemporaryFolder folder = Encoder(EncoderHead.MaskedLanguageModel);
        (int exit, _, string errors) = WeftProcess.Run(folder.Path, "fill", folder.Path, "the house is red");
        Assert.Equal((2, "weft: The text has no [MASK]."), (exit, errors.Trim()));
    }

    [Fact]
    public void Classify_ATextAndItsTokens_UsesTheLabelsOfTheConfiguration()
    {
        using TemporaryFolder texts = Encoder(EncoderHead.SequenceClassification), tokens = Encoder(EncoderHead.TokenClassification);
        (int exit, string output, string errors) = WeftProcess.Run(texts.Path, "classify", texts.Path, "a red house", "--json");
        Assert.Equal((0, ""), (exit, errors));
        JsonElement labels = JsonDocument.Parse(output).RootElement[0].GetProperty("labels");
        Assert.Equal(["calm", "loud"], labels.EnumerateArray().Select(static l => l.GetProperty("label").GetString()!).Order());
        Assert.Equal(1, labels.EnumerateArray().Sum(static l => l.GetProperty("score").GetDouble()), 5);

        (exit, output, _) = WeftProcess.Run(tokens.Path, "classify", tokens.Path, "a red house", "--json");
        Assert.Equal(0, exit);
        // [CLS] a red house [SEP]
        Assert.Equal(["[CLS]", "a", "red", "house", "[SEP]"], JsonDocument.Parse(output).RootElement[0].GetProperty("tokens").EnumerateArray().Select(static t => t.GetProperty("token").GetString()));
    }

    [Fact]
    public void Classify_AModelThatFillsGaps_IsRefusedByItsHead()
    {
        using TemporaryFolder folder = Encoder(EncoderHead.MaskedLanguageModel);
        (int exit, _, string errors) = WeftProcess.Run(folder.Path, "classify", folder.Path, "a red house");
        Assert.Equal(2, exit);
        Assert.Contains("MaskedLanguageModel; a classifier is needed", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Seq2Seq_WithBeamsAndUnderItsOtherName_WritesTheSameEachTime()
    {
        using TemporaryFolder folder = new();
        WriteVocabulary(folder.Path);
        EncoderDecoderConfig config = new()
        {
            Family = "t5", VocabularySize = s_vocabulary.Length, HiddenSize = 16, EncoderBlockCount = 1, DecoderBlockCount = 1, EncoderHeadCount = 2, DecoderHeadCount = 2, HeadSize = 8,
            EncoderFeedForwardSize = 24, DecoderFeedForwardSize = 24, Activation = ActivationKind.Relu, Positions = SequencePositions.RelativeBuckets, RmsNorms = true, NormalizesBefore = true,
            FinalNorm = true, ScaleAttention = false, ScaleHeadInput = true, InitializerRange = 0.5, StartId = 0, PaddingId = 0, EndOfTextId = 3,
        };
        EncoderDecoderDirectory.Save(new EncoderDecoderModel(config).Initialize(new RandomGenerator(3)), folder.Path);
        (int exit, string first, string errors) = WeftProcess.Run(folder.Path, "seq2seq", folder.Path, "the house is red .", "--beams", "3", "--max-tokens", "6", "--json");
        Assert.Equal((0, ""), (exit, errors));
        Assert.Equal("the house is red .", JsonDocument.Parse(first).RootElement[0].GetProperty("text").GetString());
        (exit, string again, _) = WeftProcess.Run(folder.Path, "translate", folder.Path, "the house is red .", "--beams", "3", "--max-tokens", "6", "--json");
        Assert.Equal((0, first), (exit, again));
    }

    private static TemporaryFolder Encoder(EncoderHead head)
    {
        TemporaryFolder folder = new();
        WriteVocabulary(folder.Path);
        EncoderConfig config = new()
        {
            VocabularySize = s_vocabulary.Length, PositionCount = 32, HiddenSize = 16, BlockCount = 1, HeadCount = 2, FeedForwardSize = 24, PaddingId = 0, Head = head, InitializerRange = 0.5,
            HasPooler = head is EncoderHead.None or EncoderHead.SequenceClassification,
            HeadActivation = head == EncoderHead.MaskedLanguageModel ? ActivationKind.Gelu : null,
            Labels = head is EncoderHead.SequenceClassification or EncoderHead.TokenClassification ? ["calm", "loud"] : null,
        };
        EncoderDirectory.Save(new EncoderModel(config).Initialize(new RandomGenerator(1)), folder.Path);
        return folder;
    }

    private static void WriteVocabulary(string folder) => File.WriteAllText(Path.Combine(folder, "vocab.txt"), string.Join('\n', s_vocabulary) + "\n");
}
