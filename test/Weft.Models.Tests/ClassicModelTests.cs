using Weft.Models.Convolutional;
using Weft.Models.Layers;
using Weft.Models.Recurrent;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Models.Tests;

/// <summary>The textbook models before the transformer: they learn, and single precision agrees with double.</summary>
public sealed class ClassicModelTests
{
    // Gradients of a few layers in single precision, relative to the largest.
    private const double SingleTolerance = 1e-4;

    private static double Descend(IEnumerable<Tensor> parameters, Func<Tensor> loss, int steps, double rate)
    {
        double last = 0;
        for (int s = 0; s < steps; s++)
        {
            using MemoryScope scope = MemoryScope.Enter();
            Tensor value = loss();
            last = value.Item();
            value.Backward();
            foreach (Tensor parameter in parameters)
            {
                InPlace.Add(parameter.Detach(), parameter.Grad!, -rate);
                parameter.ClearGrad();
            }
        }
        return last;
    }

    private static void SameGradients(IReadOnlyList<Tensor> narrow, IReadOnlyList<Tensor> wide, Func<DType, Tensor> loss)
    {
        for (int i = 0; i < narrow.Count; i++) wide[i].Detach().CopyFrom(narrow[i].Detach().To(DType.Float64));
        Tensor small = loss(DType.Float32), large = loss(DType.Float64);
        Assert.Equal(large.Item(), small.Item(), SingleTolerance);
        small.Backward();
        large.Backward();
        for (int i = 0; i < narrow.Count; i++)
        {
            Assert.Equal(wide[i].Name, narrow[i].Name);
            double[] expected = wide[i].Grad!.ToArray<double>();
            float[] actual = narrow[i].Grad!.ToArray<float>();
            double scale = expected.Max(Math.Abs);
            for (int k = 0; k < expected.Length; k++) Assert.Equal(expected[k] / scale, actual[k] / scale, SingleTolerance);
        }
    }

    // Bars across images, in one of the rows that stand for the classes.
    internal static (Tensor Images, Tensor Labels) Bars(int count, int size, DType dtype)
    {
        Tensor images = Tensor.Zeros([count, 1, size, size], dtype);
        int[] labels = new int[count];
        for (int i = 0; i < count; i++)
        {
            labels[i] = i % 4;
            images.Select(0, i).Select(0, 0).Narrow(0, labels[i] * size / 4 + i / 4 % 2, 1).Narrow(1, i % 3, size / 2).Fill(1);
        }
        return (images, Tensor.From(labels, [count]));
    }

    [Fact]
    public void ConvolutionalClassifier_OfBars_LearnsThem()
    {
        ConvolutionalClassifier model = new ConvolutionalClassifier(new ConvolutionalClassifierConfig { Height = 12, Width = 12, Stages = [new(4, 3, Padding: 1, Pool: 2), new(8, 3)], HiddenSizes = [16], ClassCount = 4 }).Initialize(new RandomGenerator(1));
        (Tensor images, Tensor labels) = Bars(24, 12, DType.Float32);
        double loss = Descend(model.Parameters, () => model.Forward(images).CrossEntropy(labels), 150, 0.3);
        // Chance is ln 4 = 1.39.
        Assert.InRange(loss, 0, 0.05);
        Assert.Equal(labels.ToArray<int>(), model.Forward(images).ArgMax(1).ToArray<int>());
    }

    [Fact]
    public void ConvolutionalClassifier_LeNet_HasTheSameGradientsInBothPrecisions()
    {
        ConvolutionalClassifier narrow = new ConvolutionalClassifier(new ConvolutionalClassifierConfig()).Initialize(new RandomGenerator(2)), wide = new(new ConvolutionalClassifierConfig(), DType.Float64);
        // LeNet-5 with full connections in its second convolution: 156 + 2416 + 48120 + 10164 + 850 weights.
        Assert.Equal(61706, narrow.Parameters.Sum(static p => p.Count));
        SameGradients(narrow.Parameters, wide.Parameters, dtype =>
        {
            (Tensor images, Tensor labels) = Bars(8, 28, dtype);
            return (dtype == DType.Float64 ? wide : narrow).Forward(images).CrossEntropy(labels);
        });
    }

    [Fact]
    public void ConvolutionalClassifier_ThatEatsTheImageUp_IsRefused() =>
        Assert.Contains("leaves 0 x 0", Assert.Throws<ArgumentException>(static () => new ConvolutionalClassifier(new ConvolutionalClassifierConfig { Height = 4, Width = 4, Stages = [new(4, 5)] })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(RecurrentCell.Tanh)]
    [InlineData(RecurrentCell.Gru)]
    [InlineData(RecurrentCell.Lstm)]
    public void RecurrentLanguageModel_OfARepeatedText_LearnsItByHeart(RecurrentCell cell)
    {
        RecurrentLanguageModel model = new RecurrentLanguageModel(new RecurrentLanguageConfig { VocabularySize = 5, EmbeddingSize = 8, HiddenSize = 24, LayerCount = 1, Cell = cell }).Initialize(new RandomGenerator(1));
        // After 1 comes 2 or 3 in turn: the state is needed.
        int[] text = [.. Enumerable.Range(0, 8).SelectMany(static _ => (int[])[1, 2, 4, 1, 3, 0])];
        Tensor ids = Tensor.From(text[..^1], [1, text.Length - 1]), next = Tensor.From(text[1..], [text.Length - 1]);
        double loss = Descend(model.Parameters, () => model.Forward(ids).Logits.Flatten(0, 1).CrossEntropy(next), 600, 0.5);
        Assert.InRange(loss, 0, 0.2); // without the state, two of six tokens are even chances: (2/6) ln 2 = 0.23
    }

    [Fact]
    public void RecurrentLanguageModel_TokenByToken_EqualsTheWhole()
    {
        RecurrentLanguageModel model = new RecurrentLanguageModel(new RecurrentLanguageConfig { VocabularySize = 7, EmbeddingSize = 8, HiddenSize = 19 }, DType.Float64).Initialize(new RandomGenerator(4));
        int[] ids = [3, 1, 6, 0, 2];
        double[] whole = model.Forward(Tensor.From(ids, [1, 5])).Logits.Select(1, 4).ToArray<double>();
        RecurrentState? state = null;
        Tensor? last = null;
        foreach (int id in ids)
        {
            (last, RecurrentState after) = model.Forward(Tensor.From([id], [1, 1]), state);
            state = after;
        }
        double[] stepped = last!.ToArray<double>();
        for (int i = 0; i < 7; i++) Assert.Equal(whole[i], stepped[i], 1e-14);
    }

    [Theory]
    [InlineData(AlignmentKind.Additive)]
    [InlineData(AlignmentKind.Multiplicative)]
    public void AttentionTranslator_HasTheSameGradientsInBothPrecisions_AndIgnoresPadding(AlignmentKind alignment)
    {
        AttentionTranslatorConfig config = new() { VocabularySize = 9, EmbeddingSize = 6, HiddenSize = 18, Alignment = alignment };
        AttentionTranslator narrow = new AttentionTranslator(config).Initialize(new RandomGenerator(3)), wide = new(config, DType.Float64);
        Tensor lengths = Tensor.From(4, 2), target = Tensor.From([1, 3, 4, 1, 5, 6], [2, 3]), next = Tensor.From(3, 4, 2, 5, 6, 2);
        Tensor source = Tensor.From([3, 4, 5, 6, 7, 8, 0, 0], [2, 4]), other = Tensor.From([3, 4, 5, 6, 7, 8, 5, 5], [2, 4]);
        SameGradients(narrow.Parameters, wide.Parameters, dtype => (dtype == DType.Float64 ? wide : narrow).Forward(source, lengths, target).Logits.Flatten(0, 1).CrossEntropy(next));
        (Tensor logits, Tensor attention) = wide.Forward(source, lengths, target);
        Assert.Equal(logits.Detach().ToArray<double>(), wide.Forward(other, lengths, target).Logits.Detach().ToArray<double>());
        Assert.Equal([2, 3, 4], attention.Shape.ToArray());
        Assert.Equal(0, attention[1, 0, 2]);
    }

    [Fact]
    public void RecurrentStack_WithBothDirections_PutsThemSideBySide()
    {
        RecurrentStack stack = new RecurrentStack("r", RecurrentCell.Gru, 3, 4, layerCount: 2, bidirectional: true, batchFirst: true).Initialize(new RandomGenerator(1));
        (Tensor output, RecurrentState final) = stack.Forward(Tensor.Ones([2, 5, 3]));
        Assert.Equal([2, 5, 8], output.Shape.ToArray());
        Assert.Equal([4, 2, 4], final.Hidden.Shape.ToArray());
        Assert.Null(final.Cell);
        Assert.Equal("r.1.reverse.hidden.weight", stack.Layers[3].Weights.Hidden.Name);
        // The forward direction ends at the last step, the reverse one at the first.
        Assert.Equal(output.Select(1, 4).Narrow(1, 0, 4).Detach().ToArray<float>(), final.Hidden.Select(0, 2).Detach().ToArray<float>());
        Assert.Equal(output.Select(1, 0).Narrow(1, 4, 4).Detach().ToArray<float>(), final.Hidden.Select(0, 3).Detach().ToArray<float>());
    }

    [Fact]
    public void BatchNorm_WithoutMomentum_AveragesAllBatches()
    {
        BatchNorm norm = new("n", 1, momentum: null, dtype: DType.Float64);
        // Means 1 and 5; unbiased variances 2 and 8.
        norm.Forward(Tensor.From([0.0, 2], [2, 1]), training: true);
        norm.Forward(Tensor.From([3.0, 7], [2, 1]), training: true);
        Assert.Equal(3, norm.RunningMean.Item(), 1e-12);
        Assert.Equal(5, norm.RunningVariance.Item(), 1e-12);
        Assert.Equal(2, norm.BatchCount);
        Assert.Equal((4 - 3) / Math.Sqrt(5 + 1e-5), norm.Forward(Tensor.From([4.0], [1, 1]), training: false).Item(), 1e-12);
    }

    [Fact]
    public void TransposedConvolution_EnlargesAndItsGradientIsRight()
    {
        TransposedConvolution layer = new TransposedConvolution("up", 2, 3, [2, 2], stride: [2], dtype: DType.Float64).Initialize(new RandomGenerator(1));
        Tensor x = new RandomGenerator(2).FillGaussian(Tensor.Uninitialized([1, 2, 3, 4], DType.Float64)).RequireGrad();
        Assert.Equal([1, 3, 6, 8], layer.Forward(x).Shape.ToArray());
        GradientCheck.Run(t => layer.Forward(t[0]), [x, .. layer.Parameters]);
    }
}
