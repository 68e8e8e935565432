using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Files;

namespace Weft.Models.Tests;

/// <summary>Every part that a decoder can be put together from: cached steps equal the whole, float32 the double, and what is saved comes back.</summary>
public sealed class DecoderVariantTests
{
    // Float64: two orders of summation of some hundred terms of size one.
    private const double DoubleTolerance = 1e-11;

    // Float32: the same.
    private const double SingleTolerance = 2e-4;

    private static DecoderConfig Base => new()
    {
        VocabularySize = 61, ContextLength = 64, HiddenSize = 24, BlockCount = 3, HeadCount = 4, FeedForwardSize = 20, InitializerRange = 0.3,
        Positions = PositionScheme.Rotary, Normalization = NormalizationKind.RmsNorm, LinearBias = false, FeedForward = FeedForwardKind.SwiGlu, TieEmbeddings = false,
    };

    private static ExpertsConfig Experts => new() { Count = 6, ChosenCount = 2, FeedForwardSize = 10 };

    private static LatentAttentionConfig Latent => new() { QueryRank = 8, KeyValueRank = 10, PlainSize = 6, RotarySize = 4, ValueSize = 5 };

    private static DecoderConfig Opt => Base with
    {
        Positions = PositionScheme.Learned, PositionOffset = 2, Normalization = NormalizationKind.LayerNorm, LinearBias = true, FeedForward = FeedForwardKind.Plain, Activation = ActivationKind.Relu, TieEmbeddings = true,
    };

    private static DecoderConfig Bloom => Base with
    {
        Positions = PositionScheme.Alibi, ContextLength = 64, Normalization = NormalizationKind.LayerNorm, LinearBias = true, EmbeddingNorm = true, FeedForward = FeedForwardKind.Plain,
        FeedForwardSize = 96, Activation = ActivationKind.GeluTanhRounded, TieEmbeddings = true,
    };

    // A model, and the family that it must be saved as.
    public static TheoryData<string, DecoderConfig> Variants => new()
    {
        { "llama", Base with { LinearBias = true, FeedForwardBias = false, Activation = ActivationKind.GeluTanh, FeedForward = FeedForwardKind.Gated } },
        { "llama", Base with { RotaryScaling = new RotaryScaling { Kind = RotaryScalingKind.Yarn, Factor = 4, OriginalContext = 16, Truncate = false, Mscale = 1, MscaleAllDimensions = 0.5 } } },
        { "mistral", Base with { Windows = [5, 5, 5], KeyValueHeadCount = 2 } },
        { "qwen2", Base with { Windows = [0, 5, 5], Attention = new AttentionConfig { QueryKeyValueBias = true, OutputBias = false } } },
        { "qwen3_moe", Base with { FeedForwardBias = false, Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Head }, Experts = Experts with { Renormalize = true, Blocks = [true, false, true] } } },
        { "olmoe", Base with { FeedForwardSize = 10, Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Whole, Clip = 0.7 }, Experts = Experts } },
        { "olmo2", Base with { Order = BlockOrder.NormOfOutput, Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Whole } } },
        { "smollm3", Base with { RotaryBlocks = [true, false, true], Windows = [0, 6, 0] } },
        { "opt", Opt },
        { "opt", Opt with { EmbeddingSize = 16, Order = BlockOrder.NormAfter, FinalNorm = false } },
        { "opt", Opt with { NormalizationGain = false, NormalizationBias = false, LinearBias = false } },
        { "bloom", Bloom },
        { "bloom", Bloom with { Order = BlockOrder.NormedResidual } },
        {
            "phi", Base with
            {
                RotaryShare = 0.7, KeyValueHeadCount = 2, HeadSize = 8, Normalization = NormalizationKind.LayerNorm, LinearBias = true, FeedForward = FeedForwardKind.Plain, Activation = ActivationKind.GeluTanh,
                Order = BlockOrder.ParallelSharedNorm, HeadBias = true, TieEmbeddings = true, Attention = new AttentionConfig { QueryKeyNorm = QueryKeyNormKind.Head },
            }
        },
        {
            "gpt_neox", Base with
            {
                RotaryShare = 0.7, Normalization = NormalizationKind.LayerNorm, LinearBias = false, FeedForwardBias = true, FeedForward = FeedForwardKind.Plain, Activation = ActivationKind.Gelu,
                Order = BlockOrder.Parallel,
            }
        },
        { "deepseek_v2", Base with { HeadSize = 4, RotaryInterleaved = true, Latent = Latent with { QueryRank = 0 }, Experts = Experts with { SharedFeedForwardSize = 20, Blocks = [false, true, true] } } },
        {
            "deepseek_v3", Base with
            {
                HeadSize = 4, LinearBias = true, FeedForwardBias = false, Latent = Latent,
                Experts = Experts with
                {
                    Score = RouterScore.Sigmoid, CorrectionBias = true, Renormalize = true, GroupCount = 3, ChosenGroupCount = 2, GroupByBestTwo = true, Scale = 1.5, SharedFeedForwardSize = 10,
                    Blocks = [false, true, true],
                },
            }
        },
        { "weft_decoder", Base with { Positions = PositionScheme.Alibi, Windows = [0, 4, 0], Attention = new AttentionConfig { SoftCap = 3, Sinks = true }, LogitsSoftCap = 5, LogitsDivisor = 2 } },
    };

    private static DecoderModel Model(DecoderConfig config, DType dtype)
    {
        RandomGenerator generator = new(7);
        DecoderModel model = new(config, dtype);
        foreach (Tensor tensor in model.Parameters.Concat(model.Buffers)) generator.FillGaussian(tensor.Detach(), tensor.Rank == 1 ? 0.5 : 0, 0.3);
        return model;
    }

    private static int[] Ids(int count)
    {
        RandomGenerator generator = new(3);
        return [.. Enumerable.Range(0, count).Select(_ => generator.NextInt32(61))];
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Forward_InSteps_EqualsForwardAtOnce(string family, DecoderConfig config)
    {
        Assert.NotEmpty(family);
        using GradMode.Restorer off = GradMode.Off();
        int[] ids = Ids(23);
        foreach ((DType dtype, double tolerance) in ((DType, double)[])[(DType.Float64, DoubleTolerance), (DType.Float32, SingleTolerance)])
        {
            DecoderModel model = Model(config, dtype);
            double[] all = model.Forward(Tensor.From(ids, [1, 23])).To(DType.Float64).ToArray<double>();
            ForwardSettings settings = new() { Cache = new KeyValueCache(config, dtype: dtype) };
            List<double> steps = [];
            int at = 0;
            foreach (int length in (int[])[9, 1, 1, 5, 1, 1, 1, 4])
            {
                steps.AddRange(model.Forward(Tensor.From(ids.AsSpan(at, length), [1, length]), settings).To(DType.Float64).ToArray<double>());
                at += length;
            }
            double scale = Math.Max(1, all.Max(Math.Abs));
            for (int i = 0; i < all.Length; i++) Assert.True(Math.Abs(all[i] - steps[i]) <= tolerance * scale, $"{dtype} token {i / 61}: {all[i]} and {steps[i]}");
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Save_OfAVariant_IsItsFamilyAndComesBackTheSame(string family, DecoderConfig config)
    {
        string folder = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            config = config with { Family = family };
            DecoderModel model = Model(config, DType.Float32);
            Assert.Equal(family, FamilyCatalogue.For(config).ModelType);
            ModelDirectory.Save(model, folder);
            DecoderModel again = ModelDirectory.Load(folder);
            Assert.Equal(model.Parameters.Concat(model.Buffers).Select(static p => p.Name), again.Parameters.Concat(again.Buffers).Select(static p => p.Name));
            foreach ((Tensor a, Tensor b) in model.Parameters.Concat(model.Buffers).Zip(again.Parameters.Concat(again.Buffers))) Assert.Equal(a.ToArray<float>(), b.ToArray<float>());
            Tensor ids = Tensor.From(Ids(17), [1, 17]);
            Assert.Equal(model.Forward(ids).ToArray<float>(), again.Forward(ids).ToArray<float>());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("\"rope_type\": \"default\"", "\"rope_type\": \"spiral\"", "spiral")]
    [InlineData("\"rope_type\": \"default\"", "\"rope_type\": \"default\", \"twist\": 1", "rope_parameters.twist")]
    [InlineData("\"hidden_act\": \"silu\"", "\"hidden_act\": \"wavy\"", "wavy")]
    [InlineData("\"mlp_bias\": false", "\"mlp_bias\": false, \"moonlight\": true", "moonlight")]
    public void Load_OfAnOptionThatIsNotKnown_NamesIt(string before, string after, string named)
    {
        string folder = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            ModelDirectory.Save(Model(Base, DType.Float32), folder);
            string path = Path.Combine(folder, "config.json"), text = File.ReadAllText(path);
            Assert.Contains(before, text, StringComparison.Ordinal);
            File.WriteAllText(path, text.Replace(before, after, StringComparison.Ordinal));
            Assert.Contains(named, Assert.Throws<WeftFileException>(() => ModelDirectory.Load(folder)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void BalanceLoss_OfExpertsThatAreEquallyLikely_IsTheNumberThatATokenUses()
    {
        // Equal logits: each of 4 experts has probability 1/4, and the first K are chosen by all: E · Σ share · 1/4 = 4 · K / 4 = K.
        Tensor loss = ExpertBalance.Loss([Tensor.Zeros([5, 4], DType.Float64), Tensor.Zeros([5, 4], DType.Float64)], 2);
        Assert.Equal(2, loss.Item(), 12);
    }
}
