using Weft.Models.Decoder;
using Weft.Models.Layers;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Models.Tests;

public sealed class ActivationCheckpointTests
{
    private static readonly DecoderConfig s_config = new() { VocabularySize = 31, ContextLength = 16, HiddenSize = 24, BlockCount = 3, HeadCount = 3 };

    private static (double Loss, List<float[]> Gradients) Run(bool checkpoint, double dropout, bool scoped, int microSteps)
    {
        DecoderModel model = new DecoderModel(s_config).Initialize(new RandomGenerator(1));
        RandomGenerator generator = new(5);
        ForwardSettings settings = new() { CheckpointActivations = checkpoint, Dropout = dropout > 0 ? new RandomDropout(dropout, generator) : null };
        Tensor ids = Tensor.From([.. Enumerable.Range(0, 32).Select(static i => i * 7 % 31)]).Reshape(2, 16), targets = Tensor.From([.. Enumerable.Range(0, 32).Select(static i => i * 5 % 31)]).Reshape(2, 16);
        double loss = 0;
        for (int i = 0; i < microSteps; i++)
        {
            using MemoryScope? scope = scoped ? MemoryScope.Enter() : null;
            Tensor y = model.Loss(ids, targets, settings);
            y.Backward(releaseActivations: scoped);
            loss += y.Item();
        }
        return (loss, [.. model.Parameters.Select(static p => p.Grad!.ToArray<float>()), [generator.Position]]);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(0.3, true)]
    public void Backward_WithCheckpoints_GivesTheSameBits(double dropout, bool scoped)
    {
        (double loss, List<float[]> gradients) = Run(false, dropout, scoped, 2);
        (double again, List<float[]> actual) = Run(true, dropout, scoped, 2);
        Assert.Equal(loss, again);
        for (int i = 0; i < gradients.Count; i++) Assert.Equal(gradients[i], actual[i]);
    }

    [Fact]
    public void GradientsOf_ThroughACheckpoint_AreThoseWithoutIt()
    {
        Tensor x = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([4, 3], DType.Float64), 0, 1).RequireGrad(), w = new RandomGenerator(2).FillGaussian(Tensor.Uninitialized([3, 3], DType.Float64), 0, 1).RequireGrad();
        Tensor plain = (x.Linear(w).Tanh() * 2).Sum(), kept = ActivationCheckpoint.Run(new One(w), x, static (s, t) => t.Linear(s.W).Tanh() * 2, w).Sum();
        Tensor?[] expected = Gradients.Of(plain, [x, w]), actual = Gradients.Of(kept, [x, w]);
        for (int i = 0; i < 2; i++) Assert.Equal(expected[i]!.ToArray<double>(), actual[i]!.ToArray<double>());
    }

    private readonly record struct One(Tensor W);
}
