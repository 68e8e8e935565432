using Weft.Tensors.Autograd;

namespace Weft.Tensors;

/// <summary>Linear systems, factorizations and eigenvalues of matrices (the last two dimensions; leading ones are a batch).</summary>
/// <remarks>Everything is computed in float64 and rounded to the type of the input. Made for small matrices.</remarks>
public static class LinearAlgebra
{
    /// <summary>The x with a x = b, by Gaussian elimination with row exchanges.</summary>
    /// <remarks>Shapes: a [.., N, N], b [.., N, M] -> [.., N, M].</remarks>
    /// <exception cref="ArithmeticException">a has no inverse.</exception>
    public static Tensor Solve(this Tensor a, Tensor b)
    {
        int n = Square(a, nameof(Solve));
        Elementwise.RequireSameType(a, b, nameof(Solve));
        if (b.Rank != a.Rank || b.Shape.With(b.Rank - 1, n) != a.Shape) throw new ArgumentException($"Solve: a {a.Shape} and b {b.Shape} do not fit.");
        int m = b.Shape[^1];
        double[] x = Values(b);
        double[] matrices = Values(a);
        for (int i = 0; i < Batch(a); i++) MatrixAlgorithms.Solve(matrices.AsSpan(i * n * n, n * n), x.AsSpan(i * n * m, n * m), n, m);
        Tensor y = Result(x, b.Shape, b.DType);
        if (GradMode.Records(a, b)) SolveNode.Rent().Connect(y, a, b);
        return y;
    }

    /// <summary>The inverse matrix. Shapes: [.., N, N] -> alike.</summary>
    /// <exception cref="ArithmeticException">There is none.</exception>
    public static Tensor Inverse(this Tensor x) => x.Solve(Tensor.Identity(Square(x, nameof(Inverse)), x.DType).Expand(x.Shape));

    /// <summary>The determinant. Shapes: [.., N, N] -> [..].</summary>
    public static Tensor Determinant(this Tensor x)
    {
        Tensor y = Determinants(x, nameof(Determinant), static (log, sign) => sign * Math.Exp(log));
        if (GradMode.Records(x)) DeterminantNode.Rent().Connect(y, x);
        return y;
    }

    /// <summary>ln |determinant|, which does not overflow. Shapes: [.., N, N] -> [..].</summary>
    public static Tensor LogAbsoluteDeterminant(this Tensor x)
    {
        Tensor y = Determinants(x, nameof(LogAbsoluteDeterminant), static (log, _) => log);
        if (GradMode.Records(x)) LogDeterminantNode.Rent().Connect(y, x);
        return y;
    }

    /// <summary>The sum of the main diagonal. Shapes: [.., N, M] -> [..].</summary>
    public static Tensor Trace(this Tensor x) => x.Diagonal().Sum(-1);

    /// <summary>The lower triangular L with L Lᵀ = x, for a symmetric positive definite x (only its symmetric part is read).</summary>
    /// <remarks>Shapes: [.., N, N] -> alike.</remarks>
    /// <exception cref="ArithmeticException">x is not positive definite.</exception>
    public static Tensor Cholesky(this Tensor x)
    {
        int n = Square(x, nameof(Cholesky));
        double[] values = Values((x.Detach() + x.Detach().Transpose()) * 0.5);
        for (int i = 0; i < Batch(x); i++) MatrixAlgorithms.Cholesky(values.AsSpan(i * n * n, n * n), n);
        Tensor y = Result(values, x.Shape, x.DType);
        if (GradMode.Records(x)) CholeskyNode.Rent().Connect(y, x);
        return y;
    }

    /// <summary>Eigenvalues in ascending order and eigenvectors (columns) of the symmetric part of x, by Jacobi's rotations.</summary>
    /// <remarks>Shapes: [.., N, N] -> values [.., N], vectors [.., N, N]. Eigenvectors of equal eigenvalues have no derivative; theirs is taken as 0.</remarks>
    public static (Tensor Values, Tensor Vectors) SymmetricEigen(this Tensor x)
    {
        int n = Square(x, nameof(SymmetricEigen)), batch = Batch(x);
        double[] matrices = Values((x.Detach() + x.Detach().Transpose()) * 0.5), packed = new double[batch * (n + 1) * n];
        for (int i = 0; i < batch; i++)
        {
            Span<double> part = packed.AsSpan(i * (n + 1) * n, (n + 1) * n);
            MatrixAlgorithms.SymmetricEigen(matrices.AsSpan(i * n * n, n * n), part[..n], part[n..], n);
        }
        Tensor y = Result(packed, x.Shape.With(x.Rank - 2, n + 1), x.DType); // the values, then the rows of the vectors
        if (GradMode.Records(x)) EigenNode.Rent().Connect(y, x);
        return (y.Select(-2, 0), y.Narrow(-2, 1, n));
    }

    /// <summary>The singular values in descending order, by one-sided Jacobi rotations. Shapes: [.., N, M] -> [.., min(N, M)].</summary>
    public static Tensor SingularValues(this Tensor x)
    {
        if (x.Rank < 2) throw new ArgumentException($"SingularValues: {x.Shape} is not a matrix.");
        if (x.Shape[^2] < x.Shape[^1]) return x.Transpose().SingularValues();
        x = x.Contiguous();
        int n = x.Shape[^2], m = x.Shape[^1], batch = Batch(x);
        double[] left = Values(x), right = new double[batch * m * m], values = new double[batch * m];
        for (int i = 0; i < batch; i++)
            MatrixAlgorithms.Singular(left.AsSpan(i * n * m, n * m), right.AsSpan(i * m * m, m * m), values.AsSpan(i * m, m), n, m);
        Tensor y = Result(values, new Shape([.. x.Shape.AsSpan()[..^2], m]), x.DType);
        if (!GradMode.Records(x)) return y;
        SingularValuesNode node = SingularValuesNode.Rent();
        (node.Left, node.Right) = (Result(left, x.Shape, x.DType), Result(right, x.Shape.With(x.Rank - 2, m), x.DType));
        node.Connect(y, x);
        return y;
    }

    private static int Square(Tensor x, string operation)
    {
        Elementwise.RequireFloating(x, operation);
        return x.Rank >= 2 && x.Shape[^1] == x.Shape[^2] ? x.Shape[^1] : throw new ArgumentException($"{operation}: {x.Shape} is not a square matrix.");
    }

    private static int Batch(Tensor x) => new Shape(x.Shape.AsSpan()[..^2]).Count;

    private static double[] Values(Tensor x) => x.Detach().To(DType.Float64).ToArray<double>();

    private static Tensor Result(double[] values, Shape shape, DType dtype) => Tensor.From(values, shape).To(dtype);

    private static Tensor Determinants(Tensor x, string operation, Func<double, double, double> value)
    {
        int n = Square(x, operation);
        double[] matrices = Values(x), results = new double[Batch(x)];
        for (int i = 0; i < results.Length; i++)
        {
            (double log, double sign) = MatrixAlgorithms.LogDeterminant(matrices.AsSpan(i * n * n, n * n), n);
            results[i] = value(log, sign);
        }
        return Result(results, new Shape(x.Shape.AsSpan()[..^2]), x.DType);
    }

    // x = a⁻¹ b   =>   db = a⁻ᵀ dx,   da = -db xᵀ
    private sealed class SolveNode : Node<SolveNode>
    {
        internal override string Operation => "Solve";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor a = Input(0), b = Input(1), db = a.Transpose().Solve(dy);
            if (pass.Needs(b)) pass.Add(b, db);
            if (pass.Needs(a)) pass.Add(a, -db.MatMul(Output.Transpose()));
        }
    }

    // y = det x   =>   dx = dy y x⁻ᵀ
    private sealed class DeterminantNode : Node<DeterminantNode>
    {
        internal override string Operation => "Determinant";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), (dy * Output).Unsqueeze(-1).Unsqueeze(-1) * Input(0).Inverse().Transpose());
    }

    // y = ln |det x|   =>   dx = dy x⁻ᵀ
    private sealed class LogDeterminantNode : Node<LogDeterminantNode>
    {
        internal override string Operation => "LogAbsoluteDeterminant";

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), dy.Unsqueeze(-1).Unsqueeze(-1) * Input(0).Inverse().Transpose());
    }

    // x = L Lᵀ   =>   dx = L⁻ᵀ Φ(Lᵀ dL) L⁻¹, made symmetric; Φ keeps the lower triangle and half the diagonal (Murray 2016, arXiv:1602.07527, eq. 10)
    private sealed class CholeskyNode : Node<CholeskyNode>
    {
        internal override string Operation => "Cholesky";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            Tensor l = Output, up = l.Transpose(), product = up.MatMul(dy.Tril());
            Tensor lower = (product.Tril() + product.Tril(-1)) * 0.5;
            Tensor dx = up.Solve(up.Solve(lower).Transpose()).Transpose();
            pass.Add(Input(0), (dx + dx.Transpose()) * 0.5);
        }
    }

    // x = V λ Vᵀ   =>   dx = V (diag dλ + F ∘ (Vᵀ dV)) Vᵀ with Fij = 1 / (λj - λi), made symmetric (Giles 2008, section 3.1)
    private sealed class EigenNode : Node<EigenNode>
    {
        internal override string Operation => "SymmetricEigen";

        internal override void Backward(Tensor dy, BackwardPass pass)
        {
            int n = Input(0).Shape[^1];
            Tensor values = Output.Select(-2, 0), vectors = Output.Narrow(-2, 1, n); // [.., N], [.., N, N]
            Tensor gaps = values.Unsqueeze(-2) - values.Unsqueeze(-1);
            Tensor f = 1.0 / gaps.MaskedFill(gaps.Detach().Equal(0), double.PositiveInfinity);
            Tensor inner = dy.Select(-2, 0).DiagonalEmbed() + f * vectors.Transpose().MatMul(dy.Narrow(-2, 1, n));
            Tensor dx = vectors.MatMul(inner).MatMul(vectors.Transpose());
            pass.Add(Input(0), (dx + dx.Transpose()) * 0.5);
        }
    }

    // x = U s Vᵀ   =>   dx = U diag(ds) Vᵀ
    private sealed class SingularValuesNode : Node<SingularValuesNode>
    {
        internal Tensor Left = null!, Right = null!;

        internal override string Operation => "SingularValues";

        internal override Tensor Composition() => Input(0).Transpose().MatMul(Input(0)).SymmetricEigen().Values.Flip(-1).Sqrt();

        internal override void Backward(Tensor dy, BackwardPass pass) => pass.Add(Input(0), (Left * dy.Unsqueeze(-2)).MatMul(Right.Transpose()));

        protected override void Clear() => (Left, Right) = (null!, null!);
    }
}
