namespace Weft.Tensors.Autograd;

/// <summary>Gradients as values, for code that differentiates more than a loss.</summary>
public static class Gradients
{
    /// <summary>d(result)/d(source) for each source, without touching anybody's <see cref="Tensor.Grad"/>.</summary>
    /// <param name="result">What is differentiated; a single number unless <paramref name="gradient"/> is given.</param>
    /// <param name="sources">Parameters or intermediate results.</param>
    /// <param name="gradient">dL/d(result), by default 1.</param>
    /// <param name="createGraph">Records the pass, so that the gradients can be differentiated again.</param>
    /// <returns>One gradient per source, of its shape; null where the result does not depend on it.</returns>
    public static Tensor?[] Of(Tensor result, ReadOnlySpan<Tensor> sources, Tensor? gradient = null, bool createGraph = false)
    {
        foreach (Tensor source in sources)
            if (!source.Tracks) throw new ArgumentException($"Gradients.Of: no gradient flows to {source}; call RequireGrad() before computing with it.");
        return BackwardPass.Of(result, sources, gradient, createGraph, throughSources: sources.Length > 1);
    }

    /// <summary>The gradient with respect to one source; zeros where the result does not depend on it.</summary>
    public static Tensor Of(Tensor result, Tensor source, Tensor? gradient = null, bool createGraph = false) =>
        Of(result, [source], gradient, createGraph)[0] ?? Tensor.Zeros(source.Shape, source.DType);

    /// <summary>The Hessian of a number times a vector: the gradient of (gradient · v). Shapes: source, v and the result are alike.</summary>
    public static Tensor HessianVectorProduct(Tensor result, Tensor source, Tensor vector)
    {
        Tensor gradient = Of(result, source, createGraph: true);
        return gradient.Tracks ? Of((gradient * vector).Sum(), source) : Tensor.Zeros(source.Shape, source.DType);
    }

    /// <summary>The Jacobian times a vector: how the result moves when the source moves along the vector.</summary>
    /// <remarks>
    /// Jᵀu is linear in u, so Jv is the derivative of (Jᵀu) · v with respect to u: two backward passes, no forward mode.
    /// Shapes: vector as source -> as result.
    /// </remarks>
    public static Tensor JacobianVectorProduct(Tensor result, Tensor source, Tensor vector)
    {
        Tensor u = Tensor.Zeros(result.Shape, result.DType).RequireGrad();
        Tensor pulled = Of(result, source, u, createGraph: true);
        return pulled.Tracks ? Of((pulled * vector).Sum(), u) : Tensor.Zeros(result.Shape, result.DType);
    }

    /// <summary>The matrix of d²(result)/d(source_i)d(source_j) of a number. Shapes: source [n] (flattened) -> [n, n].</summary>
    public static Tensor Hessian(Tensor result, Tensor source)
    {
        Tensor gradient = Of(result, source, createGraph: true);
        return gradient.Tracks ? Jacobian(gradient, source) : Tensor.Zeros([source.Count, source.Count], source.DType);
    }

    /// <summary>The matrix of d(result_i)/d(source_j). Shapes: result [n], source [m] (each flattened) -> [n, m].</summary>
    public static Tensor Jacobian(Tensor result, Tensor source)
    {
        Tensor jacobian = Tensor.Zeros([result.Count, source.Count], result.DType);
        for (int i = 0; i < result.Count; i++)
        {
            Tensor unit = Tensor.Zeros([result.Count], result.DType);
            unit.Narrow(0, i, 1).Fill(1);
            jacobian.Select(0, i).CopyFrom(Of(result, source, unit.Reshape(result.Shape)).Reshape(source.Count));
        }
        return jacobian;
    }
}
