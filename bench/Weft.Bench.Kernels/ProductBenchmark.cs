using BenchmarkDotNet.Attributes;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Bench.Kernels;

/// <summary>Products through the public operation, in both precisions.</summary>
[MemoryDiagnoser]
public class ProductBenchmark
{
    private Tensor _x = null!, _w = null!;

    /// <summary>Rows, outputs, inputs.</summary>
    [Params("1024x1024x1024", "256x3072x768", "2048x384x384", "768x64x64", "1x3072x768")]
    public string Shape { get; set; } = "";

    /// <summary>Of the factors.</summary>
    [Params(Precision.Float32, Precision.Bf16)]
    public Precision Precision { get; set; }

    /// <summary>Makes the factors.</summary>
    [GlobalSetup]
    public void Setup()
    {
        int[] s = Array.ConvertAll(Shape.Split('x'), static n => int.Parse(n, System.Globalization.CultureInfo.InvariantCulture));
        RandomGenerator generator = new(1);
        (_x, _w) = (generator.FillGaussian(Tensor.Uninitialized([s[0], s[2]]), 0, 1), generator.FillGaussian(Tensor.Uninitialized([s[1], s[2]]), 0, 1));
    }

    /// <summary>y = x Wᵀ.</summary>
    [Benchmark]
    public void Linear()
    {
        using MemoryScope scope = MemoryScope.Enter();
        using GradMode.Restorer mode = GradMode.Off();
        using ProductPrecision.Restorer precision = ProductPrecision.Use(Precision);
        _x.Linear(_w);
    }
}

/// <summary>The fused nodes, forward and backward.</summary>
[MemoryDiagnoser]
public class FusedNodeBenchmark
{
    private readonly Tensor _x = Random([2048, 384]), _gain = Random([384]), _offset = Random([384]), _q = Random([8, 256, 6, 64]), _k = Random([8, 256, 6, 64]), _v = Random([8, 256, 6, 64]);
    private readonly Tensor _dx = Random([2048, 384]), _dy = Random([8, 256, 6, 64]);

    /// <summary>Layer norm of 2048 x 384.</summary>
    [Benchmark]
    public void LayerNorm() => Pass(() => _x.LayerNorm(_gain, _offset, 1e-5), _dx);

    /// <summary>Exact GELU of 2048 x 384.</summary>
    [Benchmark]
    public void Gelu() => Pass(() => _x.Gelu(), _dx);

    /// <summary>Causal attention, batch 8, context 256, 6 heads of 64.</summary>
    [Benchmark]
    public void CausalAttention() => Pass(() => _q.CausalAttention(_k, _v, 0.125), _dy);

    private static void Pass(Func<Tensor> forward, Tensor gradient)
    {
        using MemoryScope scope = MemoryScope.Enter();
        forward().Backward(gradient, releaseActivations: true);
    }

    private static Tensor Random(Shape shape) => new RandomGenerator(1).FillGaussian(Tensor.Uninitialized(shape), 0, 1).RequireGrad();
}
