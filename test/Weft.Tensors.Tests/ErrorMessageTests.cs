namespace Weft.Tensors.Tests;

/// <summary>A caller's mistake gives one line that names the operation and what does not fit.</summary>
public sealed class ErrorMessageTests
{
    private static Tensor F(params int[] sizes) => Tensor.Ones(new Shape(sizes));

    private static Tensor D(params int[] sizes) => Tensor.Ones(new Shape(sizes), DType.Float64);

    private static Tensor I(Shape shape, params int[] values) => Tensor.From(values, shape);

    // ---- Two operands ---------------------------------------------------------------------------------------------------

    private static readonly Dictionary<string, Func<Tensor, Tensor, Tensor>> s_binary = new()
    {
        ["Add"] = (a, b) => a + b, ["Subtract"] = (a, b) => a - b, ["Multiply"] = (a, b) => a * b, ["Divide"] = (a, b) => a / b,
        ["Pow"] = (a, b) => a.Pow(b), ["Lerp"] = (a, b) => a.Lerp(b, 0.5), ["Atan2"] = (a, b) => a.Atan2(b), ["Hypotenuse"] = (a, b) => a.Hypotenuse(b),
        ["Maximum"] = (a, b) => a.Maximum(b), ["Minimum"] = (a, b) => a.Minimum(b), ["MaximumNumber"] = (a, b) => a.MaximumNumber(b), ["MinimumNumber"] = (a, b) => a.MinimumNumber(b),
        ["FMod"] = (a, b) => a.FMod(b), ["Remainder"] = (a, b) => a.Remainder(b), ["FloorDivide"] = (a, b) => a.FloorDivide(b), ["TruncateDivide"] = (a, b) => a.TruncateDivide(b),
        ["LogAddExp"] = (a, b) => a.LogAddExp(b), ["XLogY"] = (a, b) => a.XLogY(b), ["Where"] = (a, b) => Tensor.Ones([], DType.Bool).Where(a, b),
        ["Equal"] = (a, b) => a.Equal(b), ["NotEqual"] = (a, b) => a.NotEqual(b), ["Less"] = (a, b) => a.Less(b), ["LessOrEqual"] = (a, b) => a.LessOrEqual(b),
        ["Greater"] = (a, b) => a.Greater(b), ["GreaterOrEqual"] = (a, b) => a.GreaterOrEqual(b),
        ["SwiGlu"] = (a, b) => a.SwiGlu(b), ["GeGlu"] = (a, b) => a.GeGlu(b), ["GeGluTanh"] = (a, b) => a.GeGluTanh(b), ["ReGlu"] = (a, b) => a.ReGlu(b),
        ["CosineSimilarity"] = (a, b) => a.CosineSimilarity(b), ["PairwiseDistance"] = (a, b) => a.PairwiseDistance(b), ["DistanceMatrix"] = (a, b) => a.DistanceMatrix(b),
        ["MatMul"] = (a, b) => a.MatMul(b), ["Linear"] = (a, b) => a.Linear(b), ["Concat"] = (a, b) => Tensor.Concat([a, b], 0),
        ["MeanSquaredError"] = (a, b) => a.MeanSquaredError(b), ["MeanAbsoluteError"] = (a, b) => a.MeanAbsoluteError(b), ["SmoothAbsoluteError"] = (a, b) => a.SmoothAbsoluteError(b),
        ["HuberLoss"] = (a, b) => a.HuberLoss(b), ["PoissonLoss"] = (a, b) => a.PoissonLoss(b), ["GaussianLoss"] = (a, b) => a.GaussianLoss(b, a), ["KullbackLeibler"] = (a, b) => a.KullbackLeibler(b),
        ["BinaryCrossEntropy"] = (a, b) => a.BinaryCrossEntropy(b), ["BinaryCrossEntropyWithLogits"] = (a, b) => a.BinaryCrossEntropyWithLogits(b), ["SigmoidFocalLoss"] = (a, b) => a.SigmoidFocalLoss(b),
        ["SoftMarginLoss"] = (a, b) => a.SoftMarginLoss(b), ["HingeLoss"] = (a, b) => a.HingeLoss(b), ["MarginRankingLoss"] = (a, b) => a.MarginRankingLoss(b, a),
        ["MultiLabelSoftMarginLoss"] = (a, b) => a.MultiLabelSoftMarginLoss(b), ["CosineEmbeddingLoss"] = (a, b) => a.CosineEmbeddingLoss(b, F(2)), ["TripletMarginLoss"] = (a, b) => a.TripletMarginLoss(b, a),
        ["ContrastiveLoss"] = (a, b) => a.ContrastiveLoss(b, F(2)), ["DistillationLoss"] = (a, b) => a.DistillationLoss(b), ["MultipleNegativesRankingLoss"] = (a, b) => a.MultipleNegativesRankingLoss(b),
    };

    public static TheoryData<string> Binary => [.. s_binary.Keys];

    [Theory]
    [MemberData(nameof(Binary))]
    public void BinaryOperation_OfShapesThatDoNotFit_NamesItselfAndBoth(string name)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => s_binary[name](F(2, 3), F(4, 5)));
        Expect(error, name + ":", "[2, 3]", "[4, 5]");
    }

    [Theory]
    [MemberData(nameof(Binary))]
    public void BinaryOperation_OfDifferentTypes_NamesItselfAndBoth(string name)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => s_binary[name](F(2, 3), D(2, 3)));
        Expect(error, name + ":", "Float32", "Float64");
    }

    [Fact]
    public void LogicalOperations_OfNumbersOrOtherShapes_SaySo()
    {
        Expect(Assert.Throws<ArgumentException>(() => F(2).LogicalAnd(F(2))), "LogicalAnd:", "Bool", "Float32");
        Tensor a = Tensor.Ones([2, 3], DType.Bool), b = Tensor.Ones([4, 5], DType.Bool);
        Expect(Assert.Throws<ArgumentException>(() => a.LogicalOr(b)), "LogicalOr:", "[2, 3]", "[4, 5]");
        Expect(Assert.Throws<ArgumentException>(() => F(2).Where(F(2), F(2))), "Where:", "Bool", "Float32");
    }

    // ---- Indices --------------------------------------------------------------------------------------------------------

    private static readonly Dictionary<string, Action<Tensor>> s_indexed = new()
    {
        ["IndexSelect"] = index => F(3, 4).IndexSelect(0, index), ["IndexAdd"] = index => F(3, 4).IndexAdd(0, index, F(2, 4)), ["IndexCopy"] = index => F(3, 4).IndexCopy(0, index, F(2, 4)),
        ["At"] = index => F(3, 4).At(index), ["Embedding"] = index => F(3, 4).Embedding(index), ["EmbeddingBag"] = index => F(3, 4).EmbeddingBag(index.Unsqueeze(1)),
        ["Gather"] = index => F(3, 4).Gather(0, index.Unsqueeze(1)), ["ScatterAdd"] = index => F(3, 4).ScatterAdd(0, index.Unsqueeze(1), F(2, 4)),
        ["Scatter"] = index => F(3, 4).Scatter(0, index.Unsqueeze(1), F(2, 4)), ["ScatterReduce"] = index => F(3, 4).ScatterReduce(0, index.Unsqueeze(1), F(2, 4), ScatterReduction.Mean),
        ["OneHot"] = index => index.OneHot(3), ["CrossEntropy"] = index => F(2, 3).CrossEntropy(index), ["CrossEntropy in float64"] = index => D(2, 3).CrossEntropy(index),
        ["NegativeLogLikelihood"] = index => F(2, 3).NegativeLogLikelihood(index), ["MultiMarginLoss"] = index => F(2, 3).MultiMarginLoss(index), ["FocalLoss"] = index => F(2, 3).FocalLoss(index),
    };

    public static TheoryData<string> Indexed => [.. s_indexed.Keys];

    [Theory]
    [MemberData(nameof(Indexed))]
    public void Index_OutOfRange_IsNamedWithItsPosition(string name)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => s_indexed[name](I([2], 0, 5)));
        Expect(error, name.Split(' ')[0] + ":", "5", "[1");
        Expect(Assert.ThrowsAny<ArgumentException>(() => s_indexed[name](I([2], -1, 0))), name.Split(' ')[0] + ":", "-1", "[0");
    }

    [Theory]
    [InlineData("IndexSelect")]
    [InlineData("IndexCopy")]
    [InlineData("Gather")]
    [InlineData("Embedding")]
    [InlineData("CrossEntropy")]
    public void Index_OfRealNumbers_IsRefused(string name) => Expect(Assert.ThrowsAny<ArgumentException>(() => s_indexed[name](F(2))), name + ":", "Float32");

    [Fact]
    public void Dimension_ThatIsNotThere_IsNamed()
    {
        Expect(Assert.ThrowsAny<ArgumentException>(() => F(2, 3).Sum(2)), "Sum:", "2", "[2, 3]");
        Expect(Assert.ThrowsAny<ArgumentException>(() => F(2, 3).Softmax(-3)), "Softmax:", "-3", "[2, 3]");
        Expect(Assert.ThrowsAny<ArgumentException>(() => F(2, 3).Select(1, 3)), "Select:", "3", "dimension 1", "[2, 3]");
        Expect(Assert.ThrowsAny<ArgumentException>(() => F(2, 3).Narrow(1, 2, 2)), "Narrow:", "2", "dimension 1", "[2, 3]");
        Expect(Assert.ThrowsAny<ArgumentException>(() => F(2, 3).TopK(4)), "TopK:", "4", "[2, 3]");
        Expect(Assert.ThrowsAny<ArgumentException>(() => _ = F(2, 3)[1, 3]), "3", "dimension 1", "[2, 3]");
    }

    // ---- Losses and layers of several inputs ----------------------------------------------------------------------------

    private static readonly Dictionary<string, (Action Run, string[] Words)> s_others = new()
    {
        ["CrossEntropy, targets"] = (() => F(2, 3).CrossEntropy(I([3], 0, 1, 2)), ["CrossEntropy:", "[2, 3]", "[3]"]),
        ["CrossEntropy, probabilities"] = (() => F(2, 3).CrossEntropy(F(2, 4)), ["CrossEntropy:", "[2, 3]", "[2, 4]"]),
        ["CrossEntropy, weights"] = (() => F(2, 3).CrossEntropy(I([2], 0, 1), F(4)), ["CrossEntropy:", "[4]", "3"]),
        ["NegativeLogLikelihood, targets"] = (() => F(2, 3).NegativeLogLikelihood(I([3], 0, 1, 2)), ["NegativeLogLikelihood:", "[2, 3]", "[3]"]),
        ["MultiMarginLoss, targets"] = (() => F(2, 3).MultiMarginLoss(I([3], 0, 1, 2)), ["MultiMarginLoss:", "[2, 3]", "[3]"]),
        ["MultiLabelMarginLoss, targets"] = (() => F(2, 3).MultiLabelMarginLoss(I([3], 0, 1, 2)), ["MultiLabelMarginLoss:", "[2, 3]", "[3]"]),
        ["FocalLoss, targets"] = (() => F(2, 3).FocalLoss(I([3], 0, 1, 2)), ["FocalLoss:", "[2, 3]", "[3]"]),
        ["HingeEmbeddingLoss, targets"] = (() => F(2, 3).HingeEmbeddingLoss(F(4)), ["HingeEmbeddingLoss:", "[2, 3]", "[4]"]),
        ["InfoNce, negatives"] = (() => F(2, 3).InfoNce(F(2, 3), F(2, 4, 5)), ["InfoNce:", "[2, 3]", "[2, 4, 5]"]),
        ["CtcLoss, targets"] = (() => F(4, 2, 3).CtcLoss(I([3, 1], 1, 1, 1), [4, 4], [1, 1]), ["CtcLoss:", "[4, 2, 3]", "[3, 1]"]),
        ["Bilinear"] = (() => F(2, 3).Bilinear(F(2, 4), F(5, 6, 7)), ["Bilinear:", "[2, 3]", "[2, 4]", "[5, 6, 7]"]),
        ["Einsum"] = (() => Tensor.Einsum("ij,jk->ik", F(2, 3), F(4, 5)), ["Einsum:", "[2, 3]", "[4, 5]"]),
        ["TensorDot"] = (() => F(2, 3).TensorDot(F(4, 5), [1], [0]), ["TensorDot:", "[2, 3]", "[4, 5]"]),
        ["Dot"] = (() => F(2).Dot(F(3)), ["[2]", "[3]"]),
        ["Solve"] = (() => F(2, 2).Solve(F(3, 1)), ["Solve:", "[2, 2]", "[3, 1]"]),
        ["Reshape"] = (() => F(2, 3).Reshape(4, 2), ["Reshape:", "[2, 3]", "[4, 2]"]),
        ["Expand"] = (() => F(2, 3).Expand([2, 4]), ["Expand:", "[2, 3]", "[2, 4]"]),
        ["LayerNorm"] = (() => F(2, 3).LayerNorm(F(4)), ["LayerNorm:", "[2, 3]", "[4]"]),
        ["RmsNorm"] = (() => F(2, 3).RmsNorm(F(4)), ["RmsNorm:", "[2, 3]", "[4]"]),
        ["BatchNorm"] = (() => F(2, 3).BatchNorm(F(4)), ["BatchNorm:", "[2, 3]", "[4]"]),
        ["GroupNorm"] = (() => F(2, 3).GroupNorm(2), ["GroupNorm:", "2", "[2, 3]"]),
        ["Attention, keys"] = (() => F(2, 3, 4).ScaledDotProductAttention(F(2, 5, 6), F(2, 5, 6)), ["Attention:", "[2, 3, 4]", "[2, 5, 6]"]),
        ["Attention, values"] = (() => F(2, 3, 4).ScaledDotProductAttention(F(2, 5, 4), F(2, 6, 4)), ["Attention:", "[2, 5, 4]", "[2, 6, 4]"]),
        ["Attention, mask"] = (() => F(2, 3, 4).ScaledDotProductAttention(F(2, 5, 4), F(2, 5, 4), F(3, 6)), ["Attention:", "[2, 3, 5]", "[3, 6]"]),
        ["CausalAttention"] = (() => F(1, 2, 3, 4).CausalAttention(F(1, 2, 2, 4), F(1, 2, 2, 4), 1), ["CausalAttention:", "[1, 2, 3, 4]", "[1, 2, 2, 4]"]),
        ["Rotary"] = (() => F(1, 2, 3, 4).Rotary(F(2, 3), F(2, 3)), ["Rotary:", "[2, 3]", "[1, 2, 3, 4]"]),
        ["Scatter, source"] = (() => F(3, 4).Scatter(0, I([2], 0, 1), F(2, 4)), ["Scatter:", "[2]", "[3, 4]"]),
        ["From"] = (() => Tensor.From([1f, 2f], [3]), ["Tensor.From:", "2", "[3]"]),
        ["CopyFrom"] = (() => F(2).CopyFrom(F(3)), ["CopyFrom:", "[2]", "[3]"]),
    };

    public static TheoryData<string> Others => [.. s_others.Keys];

    [Theory]
    [MemberData(nameof(Others))]
    public void Operation_OfInputsThatDoNotFit_NamesItselfAndThem(string name) => Expect(Assert.ThrowsAny<ArgumentException>(s_others[name].Run), s_others[name].Words);

    private static void Expect(Exception error, params string[] words)
    {
        Assert.DoesNotContain('\n', error.Message);
        foreach (string word in words) Assert.Contains(word, error.Message);
    }
}
