using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Training;
using Weft.Training.Data;
using Weft.Training.Objectives;
using Weft.Training.Optimizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>Gradient descent where the answer is known on paper.</summary>
public sealed class DescentClosedForms : Experiment
{
    /// <inheritdoc/>
    public override string Name => "descent-closed-forms";

    /// <inheritdoc/>
    public override string Claim => "Gradient descent follows (1 - ηλ)^t on a quadratic and diverges when η > 2/λ; L1 and L2 penalties lead to their closed forms; k micro-batches are one batch.";

    /// <inheritdoc/>
    public override string Source => "Nesterov 2004, Introductory Lectures on Convex Optimization, section 2.1.5; Tibshirani 1996, JRSS B 58(1), eq. 3; Hoerl and Kennard 1970, Technometrics 12(1), eq. 2.1.";

    /// <inheritdoc/>
    public override string Procedure => "SGD in double precision on quadratics with curvatures 0.5, 1 and 4; the critical rate by bisection over runs of 400 steps; lasso by proximal steps and ridge regression of 8 samples by gradient steps; gradients of a small GPT on 8 rows at once and as 4 times 2.";

    /// <inheritdoc/>
    public override double ExpectedSeconds => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<ExpectedFigure> Figures { get; } =
    [
        ExpectedFigure.AtMost("largest deviation from (1 - ηλ)^t", 1e-12, "", "40 steps of some roundings of 1e-16 each."),
        ExpectedFigure.Near("critical rate times λ / 2", 1, 0.01, "", "|1 - ηλ| < 1 exactly when η < 2/λ."),
        ExpectedFigure.AtMost("largest deviation from the soft threshold", 1e-6, "", "The proximal step's fixed point is the solution; what is left after 200 steps halves each time."),
        ExpectedFigure.AtMost("largest deviation from ridge regression's closed form", 1e-6, "", "Convergence is geometric; rounding is far below."),
        ExpectedFigure.AtMost("largest difference of gradients, 4 micro-batches against one", 1e-6, "", "Single precision: sums of the same terms in another order."),
    ];

    /// <inheritdoc/>
    public override IReadOnlyList<double> Measure(IProgress<string> progress, CancellationToken cancellation)
    {
        progress.Report("quadratics");
        double path = Path(), critical = CriticalRate(cancellation);
        progress.Report("penalties");
        double soft = SoftThreshold(), ridge = Ridge();
        cancellation.ThrowIfCancellationRequested();
        progress.Report("micro-batches");
        return [path, critical, soft, ridge, MicroBatches()];
    }

    private static Tensor Parameter(params double[] values)
    {
        Tensor p = Tensor.From(values, [values.Length]).RequireGrad();
        p.Name = "p";
        return p;
    }

    private static double Path()
    {
        const double Rate = 0.3;
        double[] curvatures = [0.5, 1, 4], start = [1, -2, 0.5];
        Tensor p = Parameter(start), a = Tensor.From(curvatures, [3]);
        Sgd optimizer = new([new ParameterGroup([p])]);
        double worst = 0;
        for (int t = 1; t <= 40; t++)
        {
            optimizer.ClearGradients();
            ((a * p * p).Sum() * 0.5).Backward();
            optimizer.Step(Rate);
            for (int i = 0; i < 3; i++) worst = Math.Max(worst, Math.Abs(p.AsSpan<double>()[i] - start[i] * Math.Pow(1 - Rate * curvatures[i], t)));
        }
        return worst;
    }

    private static double CriticalRate(CancellationToken cancellation)
    {
        const double Curvature = 4;
        double low = 0.1 / Curvature, high = 4 / Curvature;
        for (int i = 0; i < 30; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            double middle = (low + high) / 2;
            if (Diverges(middle)) high = middle;
            else low = middle;
        }
        return (low + high) / 2 * Curvature / 2;

        static bool Diverges(double rate)
        {
            Tensor p = Parameter(1);
            Sgd optimizer = new([new ParameterGroup([p])]);
            for (int t = 0; t < 400 && Math.Abs(p.Item()) < 1e6; t++)
            {
                p.Grad = p.Detach() * Curvature;
                optimizer.Step(rate);
            }
            return Math.Abs(p.Item()) > 1;
        }
    }

    // argmin (p - a)² / 2 + λ |p| = sign(a) max(|a| - λ, 0)
    private static double SoftThreshold()
    {
        const double Lambda = 0.7;
        double[] targets = [2, -1.5, 0.3, -0.69, 0.71];
        Tensor p = Parameter(0, 0, 0, 0, 0), a = Tensor.From(targets, [targets.Length]);
        Sgd optimizer = new([new ParameterGroup([p]) { L1 = Lambda }]);
        for (int t = 0; t < 200; t++)
        {
            p.Grad = p.Detach() - a;
            optimizer.Step(0.5);
        }
        return targets.Select((v, i) => Math.Abs(p.AsSpan<double>()[i] - Math.Sign(v) * Math.Max(Math.Abs(v) - Lambda, 0))).Max();
    }

    // argmin |X w - y|² / 2n + λ/2 |w|²  =  (XᵀX / n + λ)⁻¹ Xᵀy / n
    private static double Ridge()
    {
        const double Lambda = 0.1;
        const int Samples = 8, Features = 3;
        RandomGenerator generator = new(2);
        Tensor X = generator.FillGaussian(Tensor.Zeros([Samples, Features], DType.Float64)), y = generator.FillGaussian(Tensor.Zeros([Samples, 1], DType.Float64));
        Tensor w = Tensor.Zeros([Features, 1], DType.Float64).RequireGrad();
        w.Name = "w";
        Sgd optimizer = new([new ParameterGroup([w]) { L2 = Lambda }]);
        for (int t = 0; t < 2000; t++)
        {
            optimizer.ClearGradients();
            ((X.MatMul(w) - y).Square().Sum() * (0.5 / Samples)).Backward();
            optimizer.Step(0.2);
        }
        Tensor solution = (X.Transpose().MatMul(X) / Samples + Tensor.Identity(Features, DType.Float64) * Lambda).Solve(X.Transpose().MatMul(y) / Samples);
        return (w.Detach() - solution).Absolute().Max().Item();
    }

    private static double MicroBatches()
    {
        const int Rows = 8, Parts = 4, Length = 16, Vocabulary = 32;
        DecoderModel model = new DecoderModel(new DecoderConfig { VocabularySize = Vocabulary, ContextLength = Length, HiddenSize = 32, BlockCount = 2, HeadCount = 2 }).Initialize(new RandomGenerator(1));
        RandomGenerator generator = new(3);
        int[][] rows = [.. Enumerable.Range(0, Rows).Select(_ => Enumerable.Range(0, Length + 1).Select(_ => generator.NextInt32(Vocabulary)).ToArray())];
        float[][] whole = Gradients(1), parts = Gradients(Parts);
        return whole.Zip(parts, static (a, b) => a.Zip(b, static (x, y) => Math.Abs((double)x - y)).Max()).Max();

        float[][] Gradients(int count)
        {
            foreach (Tensor p in model.Parameters) p.Grad = null;
            for (int part = 0; part < count; part++)
            {
                TokenBatch batch = new(Rows / count, Length);
                for (int b = 0; b < batch.BatchSize; b++) batch.SetRow(b, rows[part * batch.BatchSize + b]);
                (NextTokenObjective.Loss(model, batch) / count).Backward();
            }
            return [.. model.Parameters.Select(static p => p.Grad!.ToArray<float>())];
        }
    }
}
