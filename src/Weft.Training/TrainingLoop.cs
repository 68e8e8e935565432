using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Training.Data;
using Weft.Training.Objectives;
using Weft.Training.Optimizers;
using Weft.Training.Schedules;

namespace Weft.Training;

/// <summary>What one step did.</summary>
/// <param name="Step">The step's index, from 0.</param>
/// <param name="Loss">The mean loss before the update, in nats per token.</param>
/// <param name="LearningRate">The rate that the update used.</param>
/// <param name="GradientNorm">The norm of the gradient before clipping.</param>
/// <param name="Tokens">Tokens processed in this step.</param>
public readonly record struct StepResult(long Step, double Loss, double LearningRate, double GradientNorm, long Tokens);

/// <summary>Turns batches into a better model, one step at a time.</summary>
/// <remarks>In the steady state a step allocates nothing on the managed heap.</remarks>
public sealed class TrainingLoop
{
    private readonly DecoderModel _model;
    private readonly TokenBatches _batches;
    private readonly Optimizer _optimizer;
    private readonly LearningRateSchedule _schedule;
    private readonly TokenBatch _batch;
    private readonly ForwardSettings? _settings;
    private readonly RegularizedObjective? _objective;
    private readonly int _accumulationSteps;
    private readonly double _clipNorm;
    private readonly Precision _precision;

    /// <summary>Puts the parts of a run together.</summary>
    /// <param name="model">What learns.</param>
    /// <param name="batches">What it learns from.</param>
    /// <param name="optimizer">How it moves.</param>
    /// <param name="schedule">How fast.</param>
    /// <param name="batchSize">Rows per micro-step.</param>
    /// <param name="accumulationSteps">Micro-steps per step: their gradients are averaged.</param>
    /// <param name="clipNorm">The largest gradient norm; 0 for no limit.</param>
    /// <param name="settings">Dropout, taps and checkpointing; null for none.</param>
    /// <param name="objective">What is minimised; null for the plain loss of the next token.</param>
    /// <param name="precision">In which precision the products of the forward and backward passes are computed.</param>
    public TrainingLoop(
        DecoderModel model, TokenBatches batches, Optimizer optimizer, LearningRateSchedule schedule,
        int batchSize, int accumulationSteps = 1, double clipNorm = 0, ForwardSettings? settings = null, RegularizedObjective? objective = null,
        Precision precision = Precision.Float32)
    {
        (_model, _batches, _optimizer, _schedule) = (model, batches, optimizer, schedule);
        (_accumulationSteps, _clipNorm, _settings, _objective, _precision) = (accumulationSteps, clipNorm, settings, objective, precision);
        _batch = new TokenBatch(batchSize, model.Config.ContextLength);
    }

    /// <summary>What is done to gradients before their norm is taken and clipped.</summary>
    public GradientTreatment Treatment { get; init; } = new();

    /// <summary>The number of steps made; set it to go on from a checkpoint.</summary>
    public long StepCount { get; set; }

    /// <summary>Makes one step: batch, loss, backward, clip, schedule, update, clear.</summary>
    /// <exception cref="ArithmeticException">The loss is no longer a number; the weights are left as they were before this step.</exception>
    public StepResult Step()
    {
        if (_optimizer is Sophia sophia && sophia.EstimatesAt(StepCount)) EstimateCurvature(sophia);
        double loss = ComputeGradients();
        if (_optimizer is SharpnessAware sharp && double.IsFinite(loss))
        {
            sharp.Ascend();
            ComputeGradients();
        }
        if (Treatment.Any) Treatment.Apply(_model.Parameters, StepCount);
        double norm = GradientClipping.GlobalNorm(_model.Parameters);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            (_optimizer as SharpnessAware)?.Return();
            _optimizer.ClearGradients();
            throw new ArithmeticException($"Training diverged at step {StepCount + 1}: the loss is {loss} and the gradient norm {norm}. Lower learningRate, or raise warmupSteps.");
        }
        double rate = _schedule.At(StepCount);
        if (!(rate >= 0 && double.IsFinite(rate)))
        {
            (_optimizer as SharpnessAware)?.Return();
            _optimizer.ClearGradients();
            throw new ArithmeticException(FormattableString.Invariant($"The schedule gives a learning rate of {rate} at step {StepCount + 1}; it must be a number of at least 0."));
        }
        _optimizer.Step(rate, GradientClipping.Factor(norm, _clipNorm));
        _optimizer.ClearGradients();
        return new StepResult(StepCount++, loss, rate, norm, (long)_batch.BatchSize * _batch.Length * _accumulationSteps);
    }

    // On the step's first micro-batch, with labels that the model itself draws; the same ones when a run is resumed.
    private void EstimateCurvature(Sophia sophia)
    {
        _batches.Fill(StepCount * _accumulationSteps, _batch);
        long count;
        using (MemoryScope.Enter())
        using (ProductPrecision.Use(_precision))
        {
            Tensor logits = _model.Forward(_batch.Inputs, _settings).Flatten(0, 1); // [B T, V]
            Tensor labels = DrawnLabels.Draw(logits.Detach(), _batch.Targets.Flatten(), new RandomGenerator((ulong)StepCount), out count);
            logits.CrossEntropy(labels, ignoreIndex: TokenBatch.Ignored).Backward(releaseActivations: true);
        }
        sophia.ObserveGaussNewtonBartlett(count);
        _optimizer.ClearGradients();
    }

    // The mean loss of the step's micro-batches, whose mean gradient is left with the parameters.
    private double ComputeGradients()
    {
        double loss = 0;
        for (int micro = 0; micro < _accumulationSteps; micro++)
        {
            _batches.Fill(StepCount * _accumulationSteps + micro, _batch);
            using MemoryScope scope = MemoryScope.Enter();
            using ProductPrecision.Restorer precision = ProductPrecision.Use(_precision);
            Tensor share = _objective?.Loss(_model, _batch, _settings) ?? NextTokenObjective.Loss(_model, _batch, _settings); // []
            if (_accumulationSteps > 1) share /= _accumulationSteps;
            share.Backward(releaseActivations: true);
            loss += share.Item();
        }
        return loss;
    }
}
