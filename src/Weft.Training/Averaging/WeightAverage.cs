using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Training.Averaging;

/// <summary>What a run measures and saves.</summary>
public enum AveragingKind
{
    /// <summary>The weights themselves.</summary>
    None,

    /// <summary>The mean of all weights so far (stochastic weight averaging).</summary>
    Equal,

    /// <summary>A mean in which older weights count less.</summary>
    Exponential,
}

/// <summary>Averages of parameters over training, which often measure better than the last ones.</summary>
/// <remarks>
/// Equal: a += (p - a) / (n + 1) (Izmailov et al. 2018, arXiv:1803.05407); exponential: a = d a + (1 - d) p (Polyak averaging). The first
/// update copies. <see cref="Swap"/> puts the averages into the model, to be measured and saved, and takes them out again.
/// </remarks>
public sealed class WeightAverage
{
    private readonly (Tensor Parameter, Tensor Average)[] _pairs;
    private readonly Tensor _count;
    private readonly double? _decay;

    /// <summary>Prepares averages.</summary>
    /// <param name="parameters">What is averaged.</param>
    /// <param name="decay">How much of an exponential average is kept each time; null for an equal average.</param>
    /// <exception cref="ArgumentException">The decay is not in [0, 1).</exception>
    public WeightAverage(IEnumerable<Tensor> parameters, double? decay = null)
    {
        if (decay is not (null or (>= 0 and < 1))) throw new ArgumentException(FormattableString.Invariant($"WeightAverage: decay {decay} must be at least 0 and below 1."));
        _decay = decay;
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        _pairs = [.. parameters.Select(static p => (p, Tensor.Zeros(p.Shape, p.DType)))];
        _count = Tensor.Zeros([1], DType.Float64);
    }

    /// <summary>Updates so far.</summary>
    public long UpdateCount => (long)_count.AsSpan<double>()[0];

    /// <summary>Whether the model holds the averages at the moment.</summary>
    public bool IsSwapped { get; private set; }

    /// <summary>What is averaged, and the averages.</summary>
    public IEnumerable<(Tensor Parameter, Tensor Average)> Pairs => _pairs;

    /// <summary>What a checkpoint must keep, by name.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> State =>
        _pairs.Select(static p => KeyValuePair.Create("average." + p.Parameter.Name, p.Average)).Append(KeyValuePair.Create("average_count", _count));

    /// <summary>Takes the parameters as they are into the averages.</summary>
    public void Update()
    {
        if (IsSwapped) throw new InvalidOperationException("WeightAverage: the model holds the averages; call Swap() first.");
        using GradMode.Restorer mode = GradMode.Off();
        double before = _count.AsSpan<double>()[0]++, share = before == 0 ? 1 : _decay is { } decay ? 1 - decay : 1 / (before + 1);
        foreach ((Tensor parameter, Tensor average) in _pairs)
        {
            using MemoryScope scope = MemoryScope.Enter();
            average.CopyFrom(before == 0 ? parameter : average + (parameter - average) * share);
        }
    }

    /// <summary>Exchanges parameters and averages; does nothing before the first update.</summary>
    public void Swap()
    {
        if (UpdateCount == 0) return;
        IsSwapped = !IsSwapped;
        using GradMode.Restorer mode = GradMode.Off();
        foreach ((Tensor parameter, Tensor average) in _pairs)
        {
            using MemoryScope scope = MemoryScope.Enter();
            Tensor held = parameter * 1.0;
            parameter.CopyFrom(average);
            average.CopyFrom(held);
        }
    }
}
