using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Multiplies the loss so that small gradients survive a narrow type, and gives up steps whose gradients are not finite.</summary>
/// <remarks>A step that is given up makes the scale smaller; enough good ones in a row make it larger (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2; the rule of torch's GradScaler).</remarks>
public sealed class LossScaler
{
    private readonly double _growth, _backoff;
    private readonly int _interval;

    /// <summary>Makes a scaler; the defaults are torch's.</summary>
    /// <param name="initialScale">The first scale.</param>
    /// <param name="growth">What it is multiplied by after enough good steps.</param>
    /// <param name="backoff">What it is multiplied by after a bad one.</param>
    /// <param name="interval">How many good steps in a row are enough.</param>
    public LossScaler(double initialScale = 65536, double growth = 2, double backoff = 0.5, int interval = 2000)
    {
        if (!(initialScale > 0)) throw new ArgumentException(FormattableString.Invariant($"LossScaler: initialScale {initialScale} must be positive."));
        if (!(growth > 1)) throw new ArgumentException(FormattableString.Invariant($"LossScaler: growth {growth} must be above 1."));
        if (backoff is not (> 0 and < 1)) throw new ArgumentException(FormattableString.Invariant($"LossScaler: backoff {backoff} must be between 0 and 1."));
        if (interval < 1) throw new ArgumentException($"LossScaler: interval {interval} must be at least 1.");
        (Scale, _growth, _backoff, _interval) = (initialScale, growth, backoff, interval);
    }

    /// <summary>What the loss is to be multiplied by before backward. Set it to go on from a checkpoint.</summary>
    public double Scale { get; set; }

    /// <summary>Good steps since the scale last changed. Set it to go on from a checkpoint.</summary>
    public int GoodSteps { get; set; }

    /// <summary>Steps with the gradients divided by the scale, unless one of them is not finite; then sets the scale for the next step.</summary>
    /// <returns>Whether the step was made.</returns>
    public bool Step(Optimizer optimizer, double learningRate, double gradientScale = 1)
    {
        double sum = 0;
        foreach (ParameterGroup group in optimizer.Groups)
            foreach (Tensor parameter in group.Parameters)
                if (parameter.Grad is { } gradient) sum += GradientClipping.SumOfSquares(gradient);
        bool finite = double.IsFinite(sum);
        if (finite) optimizer.Step(learningRate, gradientScale / Scale);
        if (!finite) (Scale, GoodSteps) = (Scale * _backoff, 0);
        else if (++GoodSteps == _interval) (Scale, GoodSteps) = (Scale * _growth, 0);
        return finite;
    }
}
