using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="Lbfgs"/>; the defaults are torch's.</summary>
public sealed record LbfgsOptions : OptimizerOptions
{
    /// <summary>Iterations of a step. Default 20.</summary>
    public int MaximumIterations { get; init; } = 20;

    /// <summary>Evaluations of a step; 0, the default, means a quarter more than iterations.</summary>
    public int MaximumEvaluations { get; init; }

    /// <summary>The largest gradient at which a step ends. Default 1e-7.</summary>
    public double GradientTolerance { get; init; } = 1e-7;

    /// <summary>The least change of loss or parameters with which it goes on. Default 1e-9.</summary>
    public double ChangeTolerance { get; init; } = 1e-9;

    /// <summary>Pairs of steps and gradient changes that are remembered, each as large as all parameters in double precision. Default 10 (Nocedal and Wright 2006, section 7.2: 3 to 20); torch has 100.</summary>
    public int HistorySize { get; init; } = 10;

    /// <summary>Whether the step's length is searched by the strong Wolfe conditions; else it is the rate.</summary>
    public bool StrongWolfe { get; init; }

    /// <inheritdoc/>
    public override void Validate()
    {
        Require(MaximumIterations >= 1, MaximumIterations, "must be at least 1");
        RequireNotNegative(MaximumEvaluations);
        Require(HistorySize >= 1, HistorySize, "must be at least 1");
    }
}

/// <summary>A quasi-Newton method: the Hessian is known from the last steps. For few parameters and exact gradients.</summary>
/// <remarks>Nocedal 1980, Mathematics of Computation 35, in the form of torch.optim.LBFGS. Rate 1; all groups are taken together, their decays and options do not count.</remarks>
public sealed class Lbfgs : Optimizer
{
    private const int Iterations = 0, Evaluations = 1, Length = 2, HessianScale = 3, Remembered = 4, FirstFactor = 5;

    // Of one search, as torch.
    private const int MaximumTrials = 25;

    private readonly LbfgsOptions _options;
    private readonly Tensor[] _parameters;
    private readonly Tensor _numbers, _direction, _gradient;
    private readonly Tensor[] _changes, _steps;

    /// <summary>Makes the optimizer with nothing remembered.</summary>
    /// <param name="groups">What it updates.</param>
    /// <param name="options">Its options.</param>
    public Lbfgs(IReadOnlyList<ParameterGroup> groups, LbfgsOptions? options = null) : base(groups)
    {
        _options = options ?? new LbfgsOptions();
        _options.Validate();
        _parameters = [.. groups.SelectMany(static g => g.Parameters)];
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        _numbers = Tensor.Zeros([FirstFactor + _options.HistorySize], DType.Float64);
        (_direction, _gradient) = (Flat(), Flat());
        _changes = [.. Enumerable.Range(0, _options.HistorySize).Select(_ => Flat())];
        _steps = [.. Enumerable.Range(0, _options.HistorySize).Select(_ => Flat())];
    }

    /// <summary>How often the loss has been computed.</summary>
    public long EvaluationCount => (long)Number(Evaluations);

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> State =>
    [
        new("lbfgs.numbers", _numbers), new("lbfgs.direction", _direction), new("lbfgs.gradient", _gradient),
        .. _changes.Select(static (t, i) => KeyValuePair.Create($"lbfgs.change{i}", t)), .. _steps.Select(static (t, i) => KeyValuePair.Create($"lbfgs.step{i}", t)),
    ];

    /// <summary>One iteration from the gradients as they are, without a search.</summary>
    public override void Step(double learningRate, double gradientScale = 1)
    {
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        StepCount++;
        Tensor gradient = Gather(gradientScale);
        if (Largest(gradient) <= _options.GradientTolerance) return;
        Turn(gradient);
        Number(Length) = FirstLength(gradient, learningRate);
        if (Dot(gradient, _direction) <= -_options.ChangeTolerance) Move(Number(Length));
    }

    /// <summary>Iterates with a loss that can be computed again.</summary>
    /// <param name="evaluate">Clears the gradients, computes loss and gradients, and gives the loss.</param>
    /// <param name="learningRate">The length of a step, or the first that a search tries.</param>
    /// <returns>The loss before the step.</returns>
    public double Step(Func<double> evaluate, double learningRate = 1)
    {
        StepCount++;
        int evaluations = 0, limit = _options.MaximumEvaluations > 0 ? _options.MaximumEvaluations : _options.MaximumIterations * 5 / 4;
        double first = Evaluate(), loss = first;
        using GradMode.Restorer mode = GradMode.Off();
        using MemoryScope scope = MemoryScope.Enter();
        Tensor gradient = Gather(1);
        if (Largest(gradient) <= _options.GradientTolerance) return first;
        for (int n = 1; n <= _options.MaximumIterations; n++)
        {
            Turn(gradient);
            double before = loss, length = FirstLength(gradient, learningRate), slope = Dot(gradient, _direction);
            Number(Length) = length;
            if (slope > -_options.ChangeTolerance) break;
            if (_options.StrongWolfe)
            {
                Tensor[] start = [.. _parameters.Select(static p => p.Detach() * 1.0)];
                (loss, gradient, length) = WolfeSearch.Run(At, Dot, loss, gradient, length, slope, Largest(_direction), _options.ChangeTolerance, _direction, Math.Min(MaximumTrials, limit - evaluations));
                Number(Length) = length;
                Move(length);

                (double Loss, Tensor Gradient) At(double t)
                {
                    Move(t);
                    double value = Evaluate();
                    Tensor there = Gather(1);
                    for (int i = 0; i < start.Length; i++) _parameters[i].CopyFrom(start[i]);
                    return (value, there);
                }
            }
            else
            {
                Move(length);
                if (n != _options.MaximumIterations)
                {
                    loss = Evaluate();
                    gradient = Gather(1);
                }
            }
            if (n == _options.MaximumIterations || evaluations >= limit || Largest(gradient) <= _options.GradientTolerance) break;
            if (Largest(_direction) * Math.Abs(length) <= _options.ChangeTolerance || Math.Abs(loss - before) < _options.ChangeTolerance) break;
        }
        return first;

        double Evaluate()
        {
            evaluations++;
            Number(Evaluations)++;
            using GradMode.Restorer on = GradMode.On();
            return evaluate();
        }
    }

    // The direction -H g by the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4).
    private void Turn(Tensor gradient)
    {
        ref double count = ref Number(Remembered);
        if (++Number(Iterations) == 1)
        {
            _direction.CopyFrom(-gradient);
            (Number(HessianScale), count) = (1, 0);
        }
        else
        {
            Tensor change = gradient - _gradient, step = _direction * Number(Length);
            double curvature = Dot(change, step);
            if (curvature > 1e-10)
            {
                if (count == _steps.Length) Forget();
                int newest = (int)count++;
                _changes[newest].CopyFrom(change);
                _steps[newest].CopyFrom(step);
                Number(FirstFactor + newest) = 1 / curvature;
                Number(HessianScale) = curvature / Dot(change, change);
            }
            double[] alpha = new double[(int)count];
            Tensor q = -gradient;
            for (int i = alpha.Length - 1; i >= 0; i--)
            {
                alpha[i] = Dot(_steps[i], q) * Number(FirstFactor + i);
                q -= _changes[i] * alpha[i];
            }
            q *= Number(HessianScale);
            for (int i = 0; i < alpha.Length; i++) q += _steps[i] * (alpha[i] - Dot(_changes[i], q) * Number(FirstFactor + i));
            _direction.CopyFrom(q);
        }
        _gradient.CopyFrom(gradient);
    }

    // The oldest pair goes; its memory serves the next.
    private void Forget()
    {
        int last = _steps.Length - 1;
        (Tensor change, Tensor step) = (_changes[0], _steps[0]);
        Array.Copy(_changes, 1, _changes, 0, last);
        Array.Copy(_steps, 1, _steps, 0, last);
        (_changes[last], _steps[last]) = (change, step);
        for (int i = 0; i < last; i++) Number(FirstFactor + i) = Number(FirstFactor + i + 1);
        Number(Remembered)--;
    }

    private double FirstLength(Tensor gradient, double rate) => Number(Iterations) == 1 ? Math.Min(1, 1 / gradient.Absolute().Sum().Item()) * rate : rate;

    private void Move(double length)
    {
        int offset = 0;
        foreach (Tensor parameter in _parameters)
        {
            parameter.CopyFrom(parameter + (_direction.Narrow(0, offset, parameter.Count) * length).Reshape(parameter.Shape).To(parameter.DType));
            offset += parameter.Count;
        }
    }

    private Tensor Gather(double scale)
    {
        Tensor all = Tensor.Zeros(_gradient.Shape, DType.Float64);
        int offset = 0;
        foreach (Tensor parameter in _parameters)
        {
            if (parameter.Grad is { } gradient) all.Narrow(0, offset, parameter.Count).CopyFrom(gradient.Detach().Reshape(parameter.Count).To(DType.Float64) * (_options.Maximize ? -scale : scale));
            offset += parameter.Count;
        }
        return all;
    }

    private ref double Number(int index) => ref _numbers.AsSpan<double>()[index];

    private Tensor Flat() => Tensor.Zeros([_parameters.Sum(static p => p.Count)], DType.Float64);

    private static double Dot(Tensor a, Tensor b) => (a * b).Sum().Item();

    private static double Largest(Tensor x) => x.Absolute().Max().Item();
}
