using Weft.Inference.Sampling;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tokenizers;

namespace Weft.Inference.Tests;

public sealed class GeneratorTests
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz \n";

    internal static LanguageModel Language(int context = 64)
    {
        DecoderConfig config = new() { VocabularySize = Letters.Length, ContextLength = context, HiddenSize = 32, BlockCount = 2, HeadCount = 4, InitializerRange = 0.3 };
        return new LanguageModel(new DecoderModel(config).Initialize(new RandomGenerator(2)), CharacterTokenizer.FromText(Letters));
    }

    [Fact]
    public void Next_Greedy_EqualsTheUncachedModel()
    {
        LanguageModel language = Language();
        Generator generator = new(language);
        generator.Start([1, 2, 3], new SamplingSettings { Temperature = 0 });
        List<int> ids = [1, 2, 3];
        for (int i = 0; i < 50; i++)
        {
            Tensor logits = language.Model.Forward(Tensor.From(ids.ToArray(), [1, ids.Count])).Select(0, 0).Select(0, -1);
            ids.Add((int)logits.ArgMax().Item());
            Assert.Equal(ids[^1], generator.Next());
        }
    }

    // Prompts are read in parts of 512 tokens.
    [Theory]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(1300)]
    public void Next_AfterALongPrompt_EqualsTheUncachedModel(int length)
    {
        LanguageModel language = Language(context: 1500);
        Generator generator = new(language);
        List<int> ids = [.. Enumerable.Range(0, length).Select(static i => i * 7 % Letters.Length)];
        generator.Start(ids.ToArray(), new SamplingSettings { Temperature = 0 });
        for (int i = 0; i < 3; i++)
        {
            Tensor logits = language.Model.Forward(Tensor.From(ids.ToArray(), [1, ids.Count])).Select(0, 0).Select(0, -1);
            ids.Add((int)logits.ArgMax().Item());
            Assert.Equal(ids[^1], generator.Next());
        }
    }

    [Fact]
    public void Next_PastTheContext_GoesOn()
    {
        Generator generator = new(Language(context: 16));
        generator.Start([1, 2, 3], new SamplingSettings { Seed = 4 });
        for (int i = 0; i < 100; i++) Assert.InRange(generator.Next(), 0, Letters.Length - 1);
        Assert.Equal(103, generator.Ids.Length);
    }

    [Fact]
    public void Stream_OfOneSeed_IsTheSameText()
    {
        LanguageModel language = Language();
        SamplingSettings settings = new() { Seed = 9 };
        string first = new Generator(language).Write("abc", 40, settings);
        Assert.Equal(first, new Generator(language).Write("abc", 40, settings));
        Assert.Equal(first, string.Concat(new Generator(language).Stream("abc", 40, settings)));
        Assert.NotEqual(first, new Generator(language).Write("abc", 40, settings with { Seed = 10 }));
        Assert.NotEqual(first, new Generator(language).Write("abc", 40, settings, stream: 1));
    }

    [Fact]
    public void Sampler_DrawsInProportion()
    {
        // 100,000 draws of probabilities 0.1, 0.2, 0.7: each count within four standard deviations.
        double[] probabilities = [0.1, 0.2, 0.7];
        int[] counts = new int[3];
        Sampler sampler = new(new SamplingSettings { Seed = 3 });
        for (int i = 0; i < 100_000; i++) counts[sampler.Next([.. probabilities.Select(static p => (float)Math.Log(p))], [])]++;
        for (int k = 0; k < 3; k++) Assert.InRange(counts[k], 100_000 * probabilities[k] - 4 * Deviation(probabilities[k]), 100_000 * probabilities[k] + 4 * Deviation(probabilities[k]));

        static double Deviation(double p) => Math.Sqrt(100_000 * p * (1 - p));
    }
}
