using System.Numerics;
using System.Runtime.InteropServices;
using Weft.Tensors;
using Weft.Tensors.Threading;

namespace Weft.Training.Optimizers;

/// <summary>How an element is updated, given nothing but itself, its gradient and what is remembered of it.</summary>
internal interface IUpdateRule
{
    /// <summary>Updates <c>x.Weights</c> and what is remembered, vector by vector.</summary>
    void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>;
}

/// <summary>What precedes every rule: the gradient is scale · g + coupled · p, and kept · p the weights.</summary>
internal readonly record struct UpdateFactors(double Scale, double Coupled, double Kept);

/// <summary>A stretch of a parameter, its gradient and up to four remembered tensors, as whole vectors.</summary>
internal readonly ref struct Lanes<T>(Span<Vector<T>> weights, ReadOnlySpan<Vector<T>> gradients, Span<Vector<T>> a, Span<Vector<T>> b, Span<Vector<T>> c, Span<Vector<T>> d, UpdateFactors factors)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly ReadOnlySpan<Vector<T>> _gradients = gradients;
    private readonly Vector<T> _scale = Of(factors.Scale), _coupled = Of(factors.Coupled), _kept = Of(factors.Kept);

    internal Span<Vector<T>> Weights { get; } = weights;

    internal Span<Vector<T>> A { get; } = a;

    internal Span<Vector<T>> B { get; } = b;

    internal Span<Vector<T>> C { get; } = c;

    internal Span<Vector<T>> D { get; } = d;

    internal int Count => Weights.Length;

    internal Vector<T> Gradient(int i) => _gradients[i] * _scale + Weights[i] * _coupled;

    /// <summary>The weights after decay.</summary>
    internal Vector<T> Kept(int i) => Weights[i] * _kept;

    internal static Vector<T> Of(double value) => new(T.CreateTruncating(value));
}

/// <summary>Runs a rule over a parameter: on all threads, in vectors, with the same bits however it is cut.</summary>
/// <remarks>Every element is updated alone. What does not fill a vector is copied to one that is padded with zeros, so that one way of computing serves all.</remarks>
internal static class ElementwiseUpdate
{
    // Elements that a thread takes at a time: large enough to pay for a fork, small enough to share out.
    private const int Chunk = 1 << 14;

    internal static void Run<TRule>(Tensor parameter, Tensor gradient, Tensor[] state, UpdateFactors factors, TRule rule) where TRule : struct, IUpdateRule
    {
        if (parameter.DType == DType.Float32)
        {
            Job<float, TRule> job = new(parameter, gradient, state, factors, rule);
            ForkJoin.Run(Chunks(parameter), 1, ref job);
        }
        else
        {
            Job<double, TRule> job = new(parameter, gradient, state, factors, rule);
            ForkJoin.Run(Chunks(parameter), 1, ref job);
        }
    }

    private static int Chunks(Tensor parameter) => (parameter.Count + Chunk - 1) / Chunk;

    /// <summary>A rule for several parameters in one loop of all threads: most parameters are too small to be worth one each.</summary>
    internal sealed class Batch<TRule> where TRule : struct, IUpdateRule
    {
        private readonly List<Part> _parts = [];
        private int _chunks;

        internal void Add<TOptions>(Slot<TOptions> slot, TRule rule) where TOptions : OptimizerOptions
        {
            _parts.Add(new Part(slot.Parameter, slot.StoredGradient, slot.State, new UpdateFactors(slot.Scale, slot.CoupledDecay, slot.Kept), rule, _chunks));
            _chunks += Chunks(slot.Parameter);
        }

        internal void Run()
        {
            BatchJob job = new(_parts);
            ForkJoin.Run(_chunks, 1, ref job);
            _parts.Clear();
            _chunks = 0;
        }

        private readonly record struct Part(Tensor Parameter, Tensor Gradient, Tensor[] State, UpdateFactors Factors, TRule Rule, int FirstChunk);

        private readonly struct BatchJob(List<Part> parts) : IRangeJob
        {
            public void Run(int start, int end)
            {
                int at = 0;
                for (int i = start; i < end; i++)
                {
                    while (at + 1 < parts.Count && parts[at + 1].FirstChunk <= i) at++;
                    Part part = parts[at];
                    int chunk = i - part.FirstChunk;
                    if (part.Parameter.DType == DType.Float32) new Job<float, TRule>(part.Parameter, part.Gradient, part.State, part.Factors, part.Rule).Run(chunk, chunk + 1);
                    else new Job<double, TRule>(part.Parameter, part.Gradient, part.State, part.Factors, part.Rule).Run(chunk, chunk + 1);
                }
            }
        }
    }

    private readonly struct Job<T, TRule>(Tensor parameter, Tensor gradient, Tensor[] state, UpdateFactors factors, TRule rule) : IRangeJob
        where T : unmanaged, IFloatingPointIeee754<T> where TRule : struct, IUpdateRule
    {
        public void Run(int start, int end)
        {
            int first = start * Chunk, count = Math.Min(parameter.Count, end * Chunk) - first, tail = count % Vector<T>.Count;
            Span<T> p = Part(parameter, first, count), a = Part(0, first, count), b = Part(1, first, count), c = Part(2, first, count), d = Part(3, first, count);
            ReadOnlySpan<T> g = Part(gradient, first, count);
            rule.Run(new Lanes<T>(Whole(p), MemoryMarshal.Cast<T, Vector<T>>(g), Whole(a), Whole(b), Whole(c), Whole(d), factors));
            if (tail == 0) return;

            Span<Vector<T>> padded = stackalloc Vector<T>[6];
            padded.Clear();
            Copy(p, padded[..1], tail);
            Copy(g, padded[1..2], tail);
            Copy(a, padded[2..3], tail);
            Copy(b, padded[3..4], tail);
            Copy(c, padded[4..5], tail);
            Copy(d, padded[5..6], tail);
            rule.Run(new Lanes<T>(padded[..1], padded[1..2], padded[2..3], padded[3..4], padded[4..5], padded[5..6], factors));
            CopyBack(padded[..1], p, tail);
            CopyBack(padded[2..3], a, tail);
            CopyBack(padded[3..4], b, tail);
            CopyBack(padded[4..5], c, tail);
            CopyBack(padded[5..6], d, tail);
        }

        private static Span<T> Part(Tensor tensor, int first, int count) => tensor.AsSpan<T>().Slice(first, count);

        private Span<T> Part(int index, int first, int count) => index < state.Length ? Part(state[index], first, count) : default;

        private static Span<Vector<T>> Whole(Span<T> values) => MemoryMarshal.Cast<T, Vector<T>>(values);

        private static void Copy(ReadOnlySpan<T> from, Span<Vector<T>> to, int tail)
        {
            if (from.Length > 0) from[^tail..].CopyTo(MemoryMarshal.Cast<Vector<T>, T>(to));
        }

        private static void CopyBack(Span<Vector<T>> from, Span<T> to, int tail)
        {
            if (to.Length > 0) MemoryMarshal.Cast<Vector<T>, T>(from)[..tail].CopyTo(to[^tail..]);
        }
    }
}
