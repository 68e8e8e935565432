using Weft.Training.Objectives;
using Weft.Training.Data;
using Weft.Models.Decoder;
using System.Runtime.InteropServices;
using Weft.Tensors;
using Weft.Tensors.Threading;
using Weft.Training.Averaging;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Training.Tests;

/// <summary>What every optimizer promises, and the wrappers that no reference covers.</summary>
public sealed class OptimizerTests
{
    public static TheoryData<string> Names => [.. OptimizerCatalogue.Names];

    // Matrices only for Muon; odd counts leave a tail in every vector width. Sides that differ by 1 leave no two eigenvalues of 0, whose basis would be rounding.
    private static List<Tensor> Parameters(string name, DType dtype)
    {
        RandomGenerator generator = new(7);
        List<Tensor> parameters = [generator.FillGaussian(Tensor.Zeros([6, 7], DType.Float64)).To(dtype).RequireGrad()];
        parameters[0].Name = "matrix";
        if (name == "muon") return parameters;
        parameters.Add(generator.FillGaussian(Tensor.Zeros([11], DType.Float64)).To(dtype).RequireGrad());
        parameters[1].Name = "vector";
        return parameters;
    }

    private static void SetGradients(List<Tensor> parameters, int step)
    {
        RandomGenerator generator = new(100 + (ulong)step);
        foreach (Tensor p in parameters) p.Grad = generator.FillGaussian(Tensor.Zeros(p.Shape, DType.Float64), 0.1, 0.5).To(p.DType);
    }

    private static Optimizer Create(string name, List<Tensor> parameters) => OptimizerCatalogue.Create(name, "", [new ParameterGroup(parameters, WeightDecay: 0.01)]);

    private static byte[] Bytes(IEnumerable<Tensor> tensors) => [.. tensors.SelectMany(static t => t.DType == DType.Float32
        ? MemoryMarshal.AsBytes(t.Detach().AsSpan<float>()).ToArray() : MemoryMarshal.AsBytes(t.Detach().AsSpan<double>()).ToArray())];

    [Theory]
    [MemberData(nameof(Names))]
    public void Step_AfterRestoringTheState_GoesOnWithTheSameBits(string name)
    {
        List<Tensor> whole = Parameters(name, DType.Float32), first = Parameters(name, DType.Float32), second = Parameters(name, DType.Float32);
        Optimizer a = Create(name, whole), b = Create(name, first), c = Create(name, second);
        for (int t = 0; t < 12; t++)
        {
            SetGradients(whole, t);
            a.Step(0.01);
        }
        for (int t = 0; t < 5; t++)
        {
            SetGradients(first, t);
            b.Step(0.01);
        }
        for (int i = 0; i < second.Count; i++) second[i].Detach().CopyFrom(first[i].Detach());
        Dictionary<string, Tensor> saved = b.State.ToDictionary(static s => s.Key, static s => s.Value);
        foreach ((string key, Tensor tensor) in c.State) tensor.CopyFrom(saved[key]);
        c.StepCount = b.StepCount;
        for (int t = 5; t < 12; t++)
        {
            SetGradients(second, t);
            c.Step(0.01);
        }
        Assert.Equal(Bytes(whole), Bytes(second));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Step_InSinglePrecision_StaysCloseToDouble(string name)
    {
        // Signs and square roots of near zeros amplify rounding; ten steps of 0.01 stay far below this.
        const double Tolerance = 1e-3;
        List<Tensor> single = Parameters(name, DType.Float32), exact = Parameters(name, DType.Float64);
        Optimizer a = Create(name, single), b = Create(name, exact);
        for (int t = 0; t < 10; t++)
        {
            SetGradients(single, t);
            SetGradients(exact, t);
            a.Step(0.01);
            b.Step(0.01);
        }
        for (int i = 0; i < single.Count; i++)
            for (int j = 0; j < single[i].Count; j++)
                Assert.True(Math.Abs(exact[i].AsSpan<double>()[j] - single[i].AsSpan<float>()[j]) <= Tolerance * Math.Max(1, Math.Abs(exact[i].AsSpan<double>()[j])), $"{single[i].Name}[{j}]: {exact[i].AsSpan<double>()[j]} and {single[i].AsSpan<float>()[j]}");
    }

    [Theory]
    [InlineData("adamW")]
    [InlineData("sgd")]
    [InlineData("lion")]
    [InlineData("muon")]
    public void Step_OnAnyNumberOfThreads_GivesTheSameBits(string name)
    {
        byte[][] results = new byte[2][];
        int before = ForkJoin.ThreadCount;
        try
        {
            for (int run = 0; run < 2; run++)
            {
                ForkJoin.ThreadCount = run == 0 ? 1 : 3;
                Tensor p = new RandomGenerator(3).FillGaussian(Tensor.Zeros([200, 301])).RequireGrad();
                p.Name = "p";
                Optimizer optimizer = OptimizerCatalogue.Create(name, "", [new ParameterGroup([p], 0.1)]);
                for (int t = 0; t < 3; t++)
                {
                    SetGradients([p], t);
                    optimizer.Step(0.01, 0.5);
                }
                results[run] = Bytes([p]);
            }
        }
        finally
        {
            ForkJoin.ThreadCount = before;
        }
        Assert.Equal(results[0], results[1]);
    }

    [Fact]
    public void Step_OfSeveralParameters_GivesEachTheBitsThatItHasAlone()
    {
        // Less than a vector, a vector and more, some chunks and a tail; and one in double precision between them.
        (Shape Shape, DType Type)[] kinds = [([3], DType.Float32), ([40_001], DType.Float32), ([20_000], DType.Float64), ([16], DType.Float32)];
        Tensor[] Make() => [.. kinds.Select(static (kind, i) =>
        {
            Tensor p = new RandomGenerator((ulong)i).FillGaussian(Tensor.Zeros(kind.Shape, kind.Type)).RequireGrad();
            p.Name = $"p{i}";
            return p;
        })];
        Tensor[] together = Make(), alone = Make();
        AdamW one = new([new ParameterGroup(together, 0.1)]);
        AdamW[] each = [.. alone.Select(static p => new AdamW([new ParameterGroup([p], 0.1)]))];
        for (int t = 0; t < 3; t++)
        {
            for (int i = 0; i < kinds.Length; i++)
            {
                together[i].Grad = alone[i].Grad = t == 1 && i == 0 ? null : new RandomGenerator((ulong)(10 * t + i)).FillGaussian(Tensor.Zeros(kinds[i].Shape, kinds[i].Type));
                each[i].Step(0.01, 0.5);
            }
            one.Step(0.01, 0.5);
        }
        for (int i = 0; i < kinds.Length; i++) Assert.Equal(Bytes([alone[i]]), Bytes([together[i]]));
    }

    [Fact]
    public void Step_OfGroups_FollowsTheirOwnOptionsAndSchedules()
    {
        Tensor a = Tensor.Ones([1], DType.Float64).RequireGrad(), b = Tensor.Ones([1], DType.Float64).RequireGrad();
        (a.Name, b.Name) = ("a", "b");
        Sgd optimizer = new(
        [
            new ParameterGroup([a], RateFactor: 2),
            new ParameterGroup([b]) { Schedule = new ConstantRate(0.5), Options = new SgdOptions { Maximize = true } },
        ]);
        a.Grad = b.Grad = Tensor.Ones([1], DType.Float64);
        optimizer.Step(0.1);
        Assert.Equal(1 - 2 * 0.1, a.Item());
        Assert.Equal(1 + 0.5, b.Item()); // its own rate, and uphill
    }

    [Fact]
    public void Step_WithL1_MakesExactZeros()
    {
        Tensor p = Tensor.From(0.05, -0.05, 1.0).RequireGrad();
        p.Name = "p";
        Sgd optimizer = new([new ParameterGroup([p]) { L1 = 1 }]);
        p.Grad = Tensor.Zeros([3], DType.Float64);
        optimizer.Step(0.1);
        Assert.Equal([0, 0, 0.9], p.ToArray<double>().Select(Math.Abs), static (x, y) => Math.Abs(x - y) < 1e-15);
    }

    [Fact]
    public void Lookahead_EveryInterval_GoesPartOfTheWay()
    {
        // Fast weights fall by 1 a step from 0: after two, slow = 0 + 0.5 (-2 - 0).
        Tensor p = Tensor.Zeros([1], DType.Float64).RequireGrad();
        p.Name = "p";
        Lookahead optimizer = new(new Sgd([new ParameterGroup([p])]), interval: 2, share: 0.5);
        p.Grad = Tensor.Ones([1], DType.Float64);
        optimizer.Step(1);
        Assert.Equal(-1, p.Item());
        optimizer.Step(1);
        Assert.Equal(-1, p.Item());
    }

    [Fact]
    public void SharpnessAware_OnAParabola_StepsByTheGradientUphill()
    {
        // f = p²/2 at p = 2: g = 2, ascent by ρ = 0.5 to 2.5, whose gradient 2.5 moves p by 0.1 · 2.5.
        Tensor p = Tensor.Full([1], 2, DType.Float64).RequireGrad();
        p.Name = "p";
        SharpnessAware optimizer = new(new Sgd([new ParameterGroup([p])]), radius: 0.5);
        p.Grad = Tensor.Full([1], 2, DType.Float64);
        optimizer.Ascend();
        Assert.Equal(2.5, p.Item(), 1e-9);
        p.Grad = p.Detach() * 1.0;
        optimizer.Step(0.1);
        Assert.Equal(2 - 0.1 * 2.5, p.Item(), 1e-9);
    }

    [Fact]
    public void Sophia_WithHutchinson_FindsTheDiagonalOfAQuadratic()
    {
        // f = Σ a p² / 2 has the Hessian diag(a), so u · (H u) = a u², whose mean is a; 4,000 draws bring it within 10 %.
        Tensor p = Tensor.From(1.0, 1.0).RequireGrad(), a = Tensor.From(0.5, 4.0);
        p.Name = "p";
        Sophia optimizer = new([new ParameterGroup([p])], new SophiaOptions { Beta2 = 0.999 });
        RandomGenerator generator = new(5);
        for (int i = 0; i < 4000; i++) optimizer.ObserveHutchinson((a * p * p).Sum() * 0.5, generator);
        double[] curvature = optimizer.State.Single(static s => s.Key == "curvature.p").Value.ToArray<double>();
        double filled = 1 - Math.Pow(0.999, 4000);
        Assert.Equal(0.5, curvature[0] / filled, 0.05);
        Assert.Equal(4.0, curvature[1] / filled, 0.4);
    }

    [Fact]
    public void WeightAverage_Swap_ExchangesAndRestores()
    {
        Tensor p = Tensor.From(1.0);
        WeightAverage average = new([p]);
        average.Update();
        p.Fill(3);
        average.Update();
        average.Swap();
        Assert.Equal(2, p.Item());
        average.Swap();
        Assert.Equal(3, p.Item());
    }

    [Theory]
    [InlineData("lion", "beta3=0.9", "lion has no option 'beta3'; did you mean 'beta1'?")]
    [InlineData("sgd", "momentun=0.9", "did you mean 'momentum'?")]
    [InlineData("adamw", "beta1=2", "adamW: beta1 2 must be at least 0 and below 1.")]
    [InlineData("muonn", "", "did you mean 'muon'?")]
    public void Create_WithAWrongName_SaysWhichIsNearest(string name, string options, string expected)
    {
        Tensor p = Tensor.Zeros([2, 2]).RequireGrad();
        ArgumentException exception = Assert.Throws<ArgumentException>(() => OptimizerCatalogue.Create(name, options, [new ParameterGroup([p])]));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ScheduleText_OfPhases_RunsThemInOrder()
    {
        LearningRateSchedule schedule = ScheduleText.Parse("linear(start=0.5, steps=10); constant(steps=5); cosine", rate: 2, steps: 35);
        Assert.Equal(1, schedule.At(0), 1e-12);
        Assert.Equal(1.5, schedule.At(5), 1e-12); // half of the rise from 1 to 2
        Assert.Equal(2, schedule.At(12), 1e-12);
        Assert.Equal(1, schedule.At(25), 1e-12);  // half of the cosine's 20 steps
        Assert.Contains("did you mean 'cosine'", Assert.Throws<ArgumentException>(() => ScheduleText.Parse("cosin", 1, 10)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LearningRateFinder_OnAKnownCurve_SuggestsBetweenSteepestAndATenthOfTheLowest()
    {
        // The loss is flat up to 1e-3, falls straight in log rate to 1e-1, then explodes.
        LearningRateSchedule rates = LearningRateFinder.Rates(1e-5, 10, 61);
        int t = 0;
        RateFinding finding = LearningRateFinder.Run(() =>
        {
            double rate = rates.At(t++), log = Math.Log10(rate);
            return (rate, log < -3 ? 4 : log < -1 ? 4 - 1.5 * (log + 3) : 1 + 40 * (log + 1));
        }, 61);
        Assert.InRange(finding.Steepest, 1e-3, 1e-1);
        Assert.InRange(finding.Suggestion, 1e-3, 1e-1);
        Assert.True(finding.Trials.Count < 61, "The test ends when the loss explodes.");
        Assert.True(double.IsNaN(LearningRateFinder.Judge([new(1, 1, 1), new(2, 2, 2), new(3, 3, 3)]).Suggestion));
    }

    // Of two rows and four columns one gradient says only half a basis. Two that are as right lead to other places, so a trajectory is
    // defined by its gradients only up to that choice (see the golden case soap_least_squares_00).
    [Fact]
    public void Soap_WhileGradientsRepeat_LeavesThePlaneOfZeroEigenvaluesOpen()
    {
        (double[] plain, _) = Follow(0);
        (double[] turned, Tensor basis) = Follow(0.5);
        Tensor products = basis.Transpose().MatMul(basis);                                                             // [4, 4]
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++) Assert.Equal(i == j ? 1 : 0, products.Select(0, i).Select(0, j).Item(), 1e-12);
        Assert.True(plain.Zip(turned, static (x, y) => Math.Abs(x - y)).Max() > 1e-3);

        static (double[], Tensor) Follow(double angle)
        {
            RandomGenerator generator = new(3);
            Tensor Gradient() => generator.FillGaussian(Tensor.Uninitialized([2, 4], DType.Float64), 0, 1);
            Tensor first = Gradient(), other = first + 0.01 * Gradient(), parameter = Tensor.Zeros([2, 4], DType.Float64).RequireGrad();
            parameter.Name = "W";
            Soap optimizer = new([new ParameterGroup([parameter])], new SoapOptions { BasisInterval = 1 });
            Tensor basis = Tensor.Zeros([4, 4], DType.Float64);
            for (int step = 0; step < 3; step++)
            {
                parameter.Grad = step < 2 ? first : other;
                optimizer.Step(0.05);
                if (step != 1) continue;
                Tensor own = optimizer.State.Single(static s => s.Key == "basis1.W").Value;
                Span<double> values = own.AsSpan<double>();
                (double sine, double cosine) = Math.SinCos(angle);
                for (int row = 0; row < 4; row++) (values[4 * row + 2], values[4 * row + 3]) = (cosine * values[4 * row + 2] - sine * values[4 * row + 3], sine * values[4 * row + 2] + cosine * values[4 * row + 3]);
                basis.CopyFrom(own);
                Assert.True(first.MatMul(own.Narrow(1, 2, 2)).Square().Sum().Item() < 1e-24); // both columns belong to eigenvalues of 0
            }
            return (parameter.Detach().ToArray<double>(), basis);
        }
    }

    // ---- Sophia ---------------------------------------------------------------------------------------------------------

    [Fact]
    public void Step_WithSophia_EstimatesTheCurvatureEveryFewSteps()
    {
        DecoderModel model = new DecoderModel(new DecoderConfig { VocabularySize = 11, ContextLength = 8, HiddenSize = 8, BlockCount = 1, HeadCount = 2 }).Initialize(new RandomGenerator(1));
        Sophia sophia = new([new ParameterGroup([.. model.Parameters])], new SophiaOptions { EstimateEvery = 3 });
        TrainingLoop loop = new(model, new RandomWindows([.. Enumerable.Range(0, 200).Select(static i => i * i % 11)], 8, 1), sophia, new ConstantRate(1e-3), 4);
        double Curvature() => sophia.State.Where(static s => s.Key.StartsWith("curvature.", StringComparison.Ordinal)).Sum(static s => s.Value.Sum().Item());
        double[] after = [.. Enumerable.Range(0, 4).Select(_ =>
        {
            loop.Step();
            return Curvature();
        })];
        Assert.True(after[0] > 0);
        Assert.Equal(after[0], after[1]);
        Assert.Equal(after[0], after[2]);
        Assert.NotEqual(after[2], after[3]);
    }

    [Fact]
    public void DrawnLabels_FollowThePredictions()
    {
        const int Rows = 20_000;
        double[] p = [0.5, 0.3, 0.2];
        Tensor logits = Tensor.From([.. Enumerable.Range(0, Rows).SelectMany(_ => p.Select(static x => Math.Log(x)))], [Rows, 3]);
        Tensor targets = Tensor.From([.. Enumerable.Range(0, Rows).Select(static i => i % 10 == 0 ? TokenBatch.Ignored : 1)]);
        int[] labels = DrawnLabels.Draw(logits, targets, new RandomGenerator(5), out long count).ToArray<int>();
        Assert.Equal(Rows * 9 / 10, count);
        for (int i = 0; i < Rows; i += 10) Assert.Equal(TokenBatch.Ignored, labels[i]);
        for (int v = 0; v < 3; v++)
            Assert.InRange(labels.Count(l => l == v), count * p[v] - 4 * Math.Sqrt(count * p[v] * (1 - p[v])), count * p[v] + 4 * Math.Sqrt(count * p[v] * (1 - p[v])));
    }
}
