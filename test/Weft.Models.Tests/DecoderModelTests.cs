using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Files;
using Weft.Tensors.Threading;

namespace Weft.Models.Tests;

public sealed class DecoderModelTests
{
    // Two float32 orders of summation of some hundred terms of size one.
    private const float CacheTolerance = 1e-5f;

    public static TheoryData<DecoderConfig> Configs =>
    [
        Config(),
        Config() with { LinearBias = false, NormalizationBias = false, TieEmbeddings = false, FeedForward = FeedForwardKind.Gelu },
        Config() with { Positions = PositionScheme.Rotary, Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu, KeyValueHeadCount = 2, LinearBias = false },
        Config() with { Positions = PositionScheme.None, KeyValueHeadCount = 1 },
    ];

    private static DecoderConfig Config() => new() { VocabularySize = 61, ContextLength = 96, HiddenSize = 40, BlockCount = 3, HeadCount = 4, InitializerRange = 0.3 };

    private static DecoderModel Model(DecoderConfig config) => new DecoderModel(config).Initialize(new RandomGenerator(7));

    private static int[] Ids(int count, int seed = 1)
    {
        RandomGenerator generator = new((ulong)seed);
        return [.. Enumerable.Range(0, count).Select(_ => generator.NextInt32(61))];
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void Forward_WithCache_EqualsForwardWithout(DecoderConfig config)
    {
        DecoderModel model = Model(config);
        int[] ids = Ids(80);
        using GradMode.Restorer mode = GradMode.Off();
        Tensor all = model.Forward(Tensor.From(ids, [1, 80]));
        ForwardSettings settings = new() { Cache = new KeyValueCache(config) };
        int at = 0;
        foreach (int length in (int[])[5, 1, 1, 70, 1, 2])
        {
            Tensor part = model.Forward(Tensor.From(ids.AsSpan(at, length), [1, length]), settings);
            for (int t = 0; t < length; t++)
            {
                float[] expected = all.Select(0, 0).Select(0, at + t).ToArray<float>(), actual = part.Select(0, 0).Select(0, t).ToArray<float>();
                float scale = Math.Max(1, expected.Max(MathF.Abs));
                for (int v = 0; v < expected.Length; v++) Assert.True(MathF.Abs(expected[v] - actual[v]) <= CacheTolerance * scale, $"token {at + t}: {expected[v]} and {actual[v]}");
                Assert.Equal(Array.IndexOf(expected, expected.Max()), Array.IndexOf(actual, actual.Max()));
            }
            at += length;
        }
    }

    // The second cache has had all its memory from its first text, so that its second text never meets rows that move.
    [Theory]
    [InlineData(1, DType.Float32)]
    [InlineData(3, DType.Float32)]
    [InlineData(2, DType.Float64)]
    public void Forward_WithACacheThatGrows_GivesTheBitsOfOneThatIsFull(int batch, DType dtype)
    {
        const int context = 1100;
        DecoderConfig config = Config() with { ContextLength = context + 1, KeyValueHeadCount = 2, Positions = PositionScheme.Rotary };
        DecoderModel model = new DecoderModel(config, dtype).Initialize(new RandomGenerator(7));
        using GradMode.Restorer mode = GradMode.Off();
        KeyValueCache growing = new(config, batch, context, dtype), full = new(config, batch, context, dtype);
        long small = growing.Bytes;
        model.Forward(Tensor.From(Ids(batch * context, 3), [batch, context]), new ForwardSettings { Cache = full });
        full.Truncate(0);
        Assert.Equal(full.CapacityBytes, full.Bytes);
        Assert.Equal(full.Bytes, growing.CapacityBytes);
        Assert.True(small * 4 < full.Bytes, $"An empty cache takes {small} of {full.Bytes} bytes.");

        int reads = 0, at = 0;
        foreach (int length in (int[])[200, 55, 1, 1, 254, 1, 500, 11, 1, 76])
        {
            Tensor ids = Tensor.From(Ids(batch * length, ++reads), [batch, length]);
            double[] expected = Logits(full), actual = Logits(growing);
            Assert.Equal(expected, actual);
            at += length;
            Assert.Equal(at, growing.Count);
            Assert.InRange(growing.Bytes, small, Math.Max(small, Math.Min(full.Bytes, 2L * full.Bytes * at / context)));

            double[] Logits(KeyValueCache cache)
            {
                using MemoryScope scope = MemoryScope.Enter();
                return model.Forward(ids, new ForwardSettings { Cache = cache }).To(DType.Float64).ToArray<double>();
            }
        }
        Assert.Equal(full.Bytes, growing.Bytes);
        Assert.Throws<InvalidOperationException>(() => model.Forward(Tensor.From(Ids(batch), [batch, 1]), new ForwardSettings { Cache = growing }));
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void Forward_WithALaterTokenEdited_LeavesEarlierLogitsBitIdentical(DecoderConfig config)
    {
        DecoderModel model = Model(config);
        int[] ids = Ids(90);
        float[] before = model.Forward(Tensor.From(ids, [1, 90])).ToArray<float>();
        foreach (int t in (int[])[1, 17, 63, 64, 65, 89])
        {
            int[] edited = [.. ids];
            edited[t] = (edited[t] + 1) % 61;
            float[] after = model.Forward(Tensor.From(edited, [1, 90])).ToArray<float>();
            Assert.Equal(before.AsSpan(0, t * 61), after.AsSpan(0, t * 61));
            Assert.NotEqual(before[t * 61], after[t * 61]);
        }
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void Backward_OnAnyNumberOfThreads_GivesTheSameBits(DecoderConfig config)
    {
        DecoderModel model = Model(config);
        Tensor ids = Tensor.From(Ids(2 * 96), [2, 96]), targets = Tensor.From(Ids(2 * 96, 2));
        List<float[]>? first = null;
        int before = ForkJoin.ThreadCount;
        try
        {
            foreach (int threads in (int[])[1, 2, 3, 4])
            {
                ForkJoin.ThreadCount = threads;
                foreach (Tensor parameter in model.Parameters) parameter.Grad = null;
                model.Forward(ids).Flatten(0, 1).CrossEntropy(targets).Backward();
                List<float[]> gradients = [.. model.Parameters.Select(static p => p.Grad!.ToArray<float>())];
                first ??= gradients;
                for (int i = 0; i < gradients.Count; i++) Assert.Equal(first[i], gradients[i]);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void Backward_InFloat32_AgreesWithFloat64(DecoderConfig config)
    {
        DecoderModel single = Model(config with { InitializerRange = 0.1 }), twice = new(single.Config, DType.Float64);
        foreach ((Tensor from, Tensor to) in single.Parameters.Zip(twice.Parameters)) to.Detach().CopyFrom(from.Detach().To(DType.Float64));
        Tensor ids = Tensor.From(Ids(2 * 70), [2, 70]), targets = Tensor.From(Ids(2 * 70, 2));
        Tensor a = single.Forward(ids).Flatten(0, 1).CrossEntropy(targets), b = twice.Forward(ids).Flatten(0, 1).CrossEntropy(targets);
        Assert.Equal(b.Item(), a.Item(), 1e-5);
        a.Backward();
        b.Backward();
        foreach ((Tensor s, Tensor d) in single.Parameters.Zip(twice.Parameters))
        {
            double[] expected = d.Grad!.ToArray<double>();
            float[] actual = s.Grad!.ToArray<float>();
            double scale = expected.Max(Math.Abs) + 1e-4; // some gradients are zero but for rounding
            for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-4 * scale, $"{s.Name}[{i}]: {expected[i]} and {actual[i]}");
        }
    }

    [Theory]
    [MemberData(nameof(Configs))]
    public void SaveAndLoad_GivesTheSameModel(DecoderConfig config)
    {
        string folder = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            DecoderModel model = Model(config);
            ModelDirectory.Save(model, folder);
            DecoderModel again = ModelDirectory.Load(folder);
            Assert.Equal(model.ParameterCount, again.ParameterCount);
            foreach ((Tensor a, Tensor b) in model.Parameters.Zip(again.Parameters)) Assert.Equal(a.ToArray<float>(), b.ToArray<float>());
            Tensor ids = Tensor.From(Ids(9), [1, 9]);
            Assert.Equal(model.Forward(ids).ToArray<float>(), again.Forward(ids).ToArray<float>());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Load_OfAnUnknownFamilyOrKey_NamesIt()
    {
        string folder = Directory.CreateTempSubdirectory("weft-").FullName;
        try
        {
            ModelDirectory.Save(Model(Config()), folder);
            string path = Path.Combine(folder, "config.json"), text = File.ReadAllText(path);
            File.WriteAllText(path, text.Replace("\"gpt2\"", "\"gpt9\"", StringComparison.Ordinal));
            Assert.Contains("gpt9", Assert.Throws<WeftFileException>(() => ModelDirectory.Load(folder)).Message, StringComparison.Ordinal);
            File.WriteAllText(path, text.Replace("\"n_layer\"", "\"surprise\": 1,\n  \"n_layer\"", StringComparison.Ordinal));
            Assert.Contains("surprise", Assert.Throws<WeftFileException>(() => ModelDirectory.Load(folder)).Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Validate_WithHeadsThatDoNotDivide_SaysWhichFieldAndRule() =>
        Assert.Equal("HeadCount 12 must divide HiddenSize 770.", Assert.Throws<ArgumentException>(() => new DecoderModel(Config() with { HiddenSize = 770, HeadCount = 12 })).Message);
}
