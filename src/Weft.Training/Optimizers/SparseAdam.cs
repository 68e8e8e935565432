using System.Numerics;
using Weft.Tensors;
using Weft.Tensors.Threading;

namespace Weft.Training.Optimizers;

/// <summary>Options of <see cref="SparseAdam"/>; the defaults are torch's.</summary>
public sealed record SparseAdamOptions : MomentOptions;

/// <summary>Adam for tables of which a step touches a few rows: the others are left alone, with their moments.</summary>
/// <remarks>
/// A row takes part where any of its gradients is not 0. There: m = β₁ m + (1 - β₁) g;  v = β₂ v + (1 - β₂) g²;
/// p -= lr sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ) m / (sqrt(v) + ε), t counting all steps (torch.optim.SparseAdam).
/// </remarks>
public sealed class SparseAdam(IReadOnlyList<ParameterGroup> groups, SparseAdamOptions? options = null) : Optimizer<SparseAdamOptions>(groups, options)
{
    private protected override IEnumerable<(string, Shape)> Remember(Tensor parameter, SparseAdamOptions options) => [("moment1", parameter.Shape), ("moment2", parameter.Shape)];

    private protected override void Update(Slot<SparseAdamOptions> slot)
    {
        int rows = slot.Parameter.Rank == 0 ? 1 : slot.Parameter.Shape[0];
        if (slot.Parameter.DType == DType.Float32)
        {
            RowJob<float> job = new(slot, rows);
            ForkJoin.Run(rows, 16, ref job);
        }
        else
        {
            RowJob<double> job = new(slot, rows);
            ForkJoin.Run(rows, 16, ref job);
        }
    }

    private readonly struct RowJob<T>(Slot<SparseAdamOptions> slot, int rows) : IRangeJob where T : unmanaged, IFloatingPointIeee754<T>
    {
        public void Run(int start, int end)
        {
            SparseAdamOptions o = slot.Options;
            T beta1 = T.CreateTruncating(o.Beta1), beta2 = T.CreateTruncating(o.Beta2), one = T.One, epsilon = T.CreateTruncating(o.Epsilon), scale = T.CreateTruncating(slot.Scale);
            T size = T.CreateTruncating(slot.Rate * Math.Sqrt(1 - Math.Pow(o.Beta2, slot.Steps)) / (1 - Math.Pow(o.Beta1, slot.Steps))), kept = T.CreateTruncating(slot.Kept);
            int width = slot.Parameter.Count / rows;
            for (int r = start; r < end; r++)
            {
                Span<T> p = Row(slot.Parameter, r, width), g = Row(slot.StoredGradient, r, width), m = Row(slot.State[0], r, width), v = Row(slot.State[1], r, width);
                if (!g.ContainsAnyExcept(T.Zero)) continue;
                for (int j = 0; j < width; j++)
                {
                    T gradient = g[j] * scale;
                    m[j] += (gradient - m[j]) * (one - beta1);
                    v[j] += (gradient * gradient - v[j]) * (one - beta2);
                    p[j] = p[j] * kept - size * m[j] / (T.Sqrt(v[j]) + epsilon);
                }
            }
        }

        private static Span<T> Row(Tensor tensor, int row, int width) => tensor.AsSpan<T>().Slice(row * width, width);
    }
}
