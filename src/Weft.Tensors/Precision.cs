namespace Weft.Tensors;

/// <summary>How float32 matrix products are computed.</summary>
public enum Precision
{
    /// <summary>Factors as they are.</summary>
    Float32,

    /// <summary>
    /// Factors rounded to bfloat16 (8 bits of significand, the exponent of float32), products summed in float32: twice the rate where
    /// the processor has bfloat16 products. Weights, activations, statistics and updates stay float32 (mixed precision,
    /// Micikevicius et al. 2018, arXiv:1710.03740; for bfloat16 Kalamkar et al. 2019, arXiv:1905.12322).
    /// </summary>
    Bf16,
}

/// <summary>The precision of matrix products on this thread: of <c>MatMul</c>, <c>Linear</c> and what is made of them.</summary>
/// <remarks>A product's gradients are computed in the precision of the product, wherever backward is called. Float64 products ignore it.</remarks>
public static class ProductPrecision
{
    [ThreadStatic] private static Precision t_current;

    /// <summary>The precision of the next product on this thread. Float32 unless <see cref="Use"/> says otherwise.</summary>
    public static Precision Current => t_current;

    /// <summary>Until disposed, products on this thread are computed in another precision.</summary>
    public static Restorer Use(Precision precision)
    {
        Restorer restorer = new(t_current);
        t_current = precision;
        return restorer;
    }

    /// <summary>Brings the earlier precision back.</summary>
    public readonly ref struct Restorer
    {
        private readonly Precision _before;

        internal Restorer(Precision before) => _before = before;

        /// <summary>Makes the earlier precision current again.</summary>
        public void Dispose() => t_current = _before;
    }
}
