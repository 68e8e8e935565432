using System.Numerics;
using Weft.Tensors;
using Weft.Tensors.Threading;

namespace Weft.Training.Optimizers;

/// <summary>Adam with decoupled weight decay.</summary>
/// <remarks>
/// p *= 1 - lr λ;  m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;  p -= lr m / (1 - β₁ᵗ) / (sqrt(v) / sqrt(1 - β₂ᵗ) + ε)
/// (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2; ε stands where PyTorch has it).
/// </remarks>
public sealed class AdamW : Optimizer
{
    // Elements that a thread takes at a time: large enough to pay for a fork, small enough to share out.
    private const int Chunk = 1 << 14;

    private readonly double _beta1, _beta2, _epsilon;
    private readonly List<(Tensor Parameter, ParameterGroup Group, Tensor Moment1, Tensor Moment2)> _slots = [];

    /// <summary>Makes the optimizer with moments of zero.</summary>
    /// <param name="groups">What it updates.</param>
    /// <param name="beta1">How much of the mean gradient is kept each step.</param>
    /// <param name="beta2">How much of the mean squared gradient is kept each step.</param>
    /// <param name="epsilon">Keeps the quotient finite.</param>
    public AdamW(IReadOnlyList<ParameterGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8)
        : base(groups)
    {
        if (beta1 is not (>= 0 and < 1)) throw new ArgumentException($"AdamW: beta1 {beta1} must be in [0, 1).");
        if (beta2 is not (>= 0 and < 1)) throw new ArgumentException($"AdamW: beta2 {beta2} must be in [0, 1).");
        (_beta1, _beta2, _epsilon) = (beta1, beta2, epsilon);
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        foreach (ParameterGroup group in groups)
            foreach (Tensor parameter in group.Parameters)
                _slots.Add((parameter, group, Tensor.Zeros(parameter.Shape, parameter.DType), Tensor.Zeros(parameter.Shape, parameter.DType)));
    }

    /// <inheritdoc/>
    public override IEnumerable<KeyValuePair<string, Tensor>> State
    {
        get
        {
            foreach ((Tensor parameter, _, Tensor moment1, Tensor moment2) in _slots)
            {
                yield return new("moment1." + parameter.Name, moment1);
                yield return new("moment2." + parameter.Name, moment2);
            }
        }
    }

    /// <inheritdoc/>
    public override void Step(double learningRate, double gradientScale = 1)
    {
        StepCount++;
        double correction1 = 1 - Math.Pow(_beta1, StepCount), correction2 = Math.Sqrt(1 - Math.Pow(_beta2, StepCount));
        foreach ((Tensor parameter, ParameterGroup group, Tensor moment1, Tensor moment2) in _slots)
        {
            if (parameter.Grad is not { } gradient) continue;
            double rate = learningRate * group.RateFactor;
            Factors factors = new(1 - rate * group.WeightDecay, rate / correction1, 1 / correction2, gradientScale);
            if (parameter.DType == DType.Float32)
            {
                UpdateJob job = new(this, parameter, gradient, moment1, moment2, factors);
                ForkJoin.Run((parameter.Count + Chunk - 1) / Chunk, 1, ref job);
            }
            else
                Update(parameter.AsSpan<double>(), gradient.AsSpan<double>(), moment1.AsSpan<double>(), moment2.AsSpan<double>(), factors);
        }
    }

    private readonly record struct Factors(double Decay, double StepSize, double RootFactor, double GradientScale);

    // Every element is updated alone, so the cuts do not show in the result.
    private readonly struct UpdateJob(AdamW optimizer, Tensor parameter, Tensor gradient, Tensor moment1, Tensor moment2, Factors factors) : IRangeJob
    {
        public void Run(int start, int end)
        {
            int first = start * Chunk, count = Math.Min(parameter.Count, end * Chunk) - first;
            optimizer.Update(parameter.AsSpan<float>().Slice(first, count), gradient.AsSpan<float>().Slice(first, count), moment1.AsSpan<float>().Slice(first, count), moment2.AsSpan<float>().Slice(first, count), factors);
        }
    }

    private void Update<T>(Span<T> p, ReadOnlySpan<T> g, Span<T> m, Span<T> v, Factors f) where T : unmanaged, IFloatingPointIeee754<T>
    {
        T beta1 = T.CreateChecked(_beta1), beta2 = T.CreateChecked(_beta2), rest1 = T.CreateChecked(1 - _beta1), rest2 = T.CreateChecked(1 - _beta2), epsilon = T.CreateChecked(_epsilon);
        T decay = T.CreateChecked(f.Decay), size = T.CreateChecked(f.StepSize), root = T.CreateChecked(f.RootFactor), scale = T.CreateChecked(f.GradientScale);
        int i = 0, lanes = Vector<T>.Count;
        for (; i <= p.Length - lanes; i += lanes)
        {
            Vector<T> vg = new Vector<T>(g[i..]) * scale;
            Vector<T> vm = new Vector<T>(m[i..]) * beta1 + vg * rest1;
            Vector<T> vv = new Vector<T>(v[i..]) * beta2 + vg * vg * rest2;
            Vector<T> vp = new Vector<T>(p[i..]) * decay - vm * size / (Vector.SquareRoot(vv) * root + new Vector<T>(epsilon));
            vm.CopyTo(m[i..]);
            vv.CopyTo(v[i..]);
            vp.CopyTo(p[i..]);
        }
        for (; i < p.Length; i++)
        {
            T gi = g[i] * scale;
            m[i] = m[i] * beta1 + gi * rest1;
            v[i] = v[i] * beta2 + gi * gi * rest2;
            p[i] = p[i] * decay - m[i] * size / (T.Sqrt(v[i]) * root + epsilon);
        }
    }
}
