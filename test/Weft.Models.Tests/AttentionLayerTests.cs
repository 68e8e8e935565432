using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Tests;

/// <summary>What attention layers promise beyond their values, which the reference cases check.</summary>
public sealed class AttentionLayerTests
{
    // Sums of a few terms of order one in float64.
    private const double Rounding = 1e-12;

    private static Tensor Random(Shape shape, ulong seed) => new RandomGenerator(seed).FillGaussian(Tensor.Zeros(shape, DType.Float64));

    private static MultiHeadAttention Attention() => new MultiHeadAttention("a", 8, 2, dtype: DType.Float64).Initialize(new RandomGenerator(1));

    [Fact]
    public void Forward_WithMaskedKeys_EqualsTheShorterText()
    {
        Tensor query = Random([1, 3, 8], 2), keys = Random([1, 5, 8], 3), real = Tensor.From([true, true, true, false, false], [1, 5]);
        Near(Attention().Forward(query, keys.Narrow(1, 0, 3)), Attention().Forward(query, keys, keyMask: real));
    }

    [Fact]
    public void Forward_Causal_DoesNotSeeTheFuture()
    {
        Tensor x = Random([1, 4, 8], 2), changed = Tensor.Concat([x.Narrow(1, 0, 2), Random([1, 2, 8], 9)], 1);
        TransformerEncoderLayer layer = new TransformerEncoderLayer("l", 8, 2, 16, dtype: DType.Float64).Initialize(new RandomGenerator(1));
        Near(layer.Forward(x, causal: true).Narrow(1, 0, 2), layer.Forward(changed, causal: true).Narrow(1, 0, 2));
        Assert.NotEqual(layer.Forward(x).Narrow(1, 0, 2).ToArray<double>(), layer.Forward(changed).Narrow(1, 0, 2).ToArray<double>());
    }

    [Fact]
    public void Forward_WithATextOfNothingButPadding_GivesTheOutputOffset()
    {
        // No key is seen, so the heads are zeros, and the output map leaves its bias.
        MultiHeadAttention layer = Attention();
        layer.Output.Bias!.Detach().Fill(0.25);
        Tensor y = layer.Forward(Random([1, 2, 8], 2), keyMask: Tensor.Zeros([1, 2], DType.Bool));
        Assert.All(y.ToArray<double>(), static v => Assert.Equal(0.25, v));
    }

    [Fact]
    public void ForwardWithPattern_OfExtraAndZeroKeys_HasAColumnForEach()
    {
        MultiHeadAttention layer = new MultiHeadAttention("a", 8, 2, extraKey: true, zeroKey: true, dtype: DType.Float64).Initialize(new RandomGenerator(1));
        (Tensor y, Tensor pattern) = layer.ForwardWithPattern(Random([2, 3, 8], 2), causal: true);
        Assert.Equal([2, 3, 8], y.Shape.ToArray());
        Assert.Equal([2, 2, 3, 5], pattern.Shape.ToArray());
        Near(Tensor.Ones([2, 2, 3], DType.Float64), pattern.Sum(-1));
        Assert.Equal(0, pattern[0, 0, 0, 2]); // the future, masked; the added keys are not
        Assert.NotEqual(0, pattern[0, 0, 0, 3]);
    }

    [Fact]
    public void Forward_WithDropout_OffersEverySite()
    {
        List<string> sites = [];
        Dropout recorder = new Recorder(sites);
        TransformerDecoderLayer layer = new TransformerDecoderLayer("l", 8, 2, 16, dtype: DType.Float64).Initialize(new RandomGenerator(1));
        layer.Forward(Random([1, 2, 8], 2), Random([1, 3, 8], 3), dropout: recorder);
        Assert.Equal(
            ["l.self_attention.pattern", "l.self_attention.result", "l.cross_attention.pattern", "l.cross_attention.result", "l.feed_forward.inner", "l.feed_forward.result"], sites);
    }

    [Fact]
    public void Layers_OfSizesThatDoNotFit_SaySo()
    {
        Assert.Contains("headCount 3 must divide size 8", Assert.Throws<ArgumentException>(() => new MultiHeadAttention("a", 8, 3)).Message);
        Assert.Contains("[1, 3, 8]", Assert.Throws<ArgumentException>(() => Attention().Forward(Random([1, 3, 8], 1), Random([2, 3, 8], 1))).Message);
        Assert.Contains("[1, 4]", Assert.Throws<ArgumentException>(() => Attention().Forward(Random([1, 3, 8], 1), keyMask: Tensor.Ones([1, 4], DType.Bool))).Message);
    }

    private static void Near(Tensor expected, Tensor actual)
    {
        double[] e = expected.ToArray<double>(), a = actual.ToArray<double>();
        Assert.Equal(expected.Shape, actual.Shape);
        for (int i = 0; i < e.Length; i++) Assert.InRange(a[i], e[i] - Rounding, e[i] + Rounding);
    }

    private sealed class Recorder(List<string> sites) : Dropout
    {
        public override Tensor Apply(Tensor x, string site)
        {
            sites.Add(site);
            return x;
        }
    }
}
