namespace Weft.Tensors;

/// <summary>Textbook algorithms on row-major matrices in double precision, for <see cref="LinearAlgebra"/>.</summary>
internal static class MatrixAlgorithms
{
    /// <summary>Replaces b [n, m] by a⁻¹ b; destroys a [n, n].</summary>
    internal static void Solve(Span<double> a, Span<double> b, int n, int m)
    {
        for (int k = 0; k < n; k++)
        {
            int pivot = Pivot(a, k, n);
            if (a[pivot * n + k] == 0) throw new ArithmeticException($"Solve: the {n} x {n} matrix has no inverse (column {k} depends on those before it).");
            Exchange(a, k, pivot, n);
            Exchange(b, k, pivot, m);
            for (int i = k + 1; i < n; i++)
            {
                double factor = a[i * n + k] / a[k * n + k];
                if (factor == 0) continue;
                for (int j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
                for (int j = 0; j < m; j++) b[i * m + j] -= factor * b[k * m + j];
            }
        }
        for (int i = n - 1; i >= 0; i--)
            for (int j = 0; j < m; j++)
            {
                double sum = b[i * m + j];
                for (int k = i + 1; k < n; k++) sum -= a[i * n + k] * b[k * m + j];
                b[i * m + j] = sum / a[i * n + i];
            }
    }

    /// <summary>ln |det a| and the sign of det a; destroys a.</summary>
    internal static (double Log, double Sign) LogDeterminant(Span<double> a, int n)
    {
        double log = 0, sign = 1;
        for (int k = 0; k < n; k++)
        {
            int pivot = Pivot(a, k, n);
            if (a[pivot * n + k] == 0) return (double.NegativeInfinity, 0);
            if (pivot != k) sign = -sign;
            Exchange(a, k, pivot, n);
            double diagonal = a[k * n + k];
            if (diagonal < 0) sign = -sign;
            log += Math.Log(Math.Abs(diagonal));
            for (int i = k + 1; i < n; i++)
            {
                double factor = a[i * n + k] / diagonal;
                for (int j = k; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
            }
        }
        return (log, sign);
    }

    /// <summary>Replaces a by the lower triangular L with L Lᵀ = a.</summary>
    internal static void Cholesky(Span<double> a, int n)
    {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
            {
                if (j > i)
                {
                    a[i * n + j] = 0;
                    continue;
                }
                double sum = a[i * n + j];
                for (int k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
                if (i == j && !(sum > 0)) throw new ArithmeticException($"Cholesky: the {n} x {n} matrix is not positive definite (row {i}).");
                a[i * n + j] = i == j ? Math.Sqrt(sum) : sum / a[j * n + j];
            }
    }

    /// <summary>Eigenvalues of a symmetric a, ascending, and eigenvectors as columns; destroys a. Cyclic Jacobi (Golub and Van Loan, 8.5).</summary>
    internal static void SymmetricEigen(Span<double> a, Span<double> values, Span<double> vectors, int n)
    {
        double[] v = new double[n * n];
        for (int i = 0; i < n; i++) v[i * n + i] = 1;
        for (int sweep = 0; sweep < 60; sweep++)
        {
            double off = 0, total = 0;
            for (int i = 0; i < n; i++)
                for (int j = 0; j < n; j++)
                {
                    double square = a[i * n + j] * a[i * n + j];
                    total += square;
                    if (i != j) off += square;
                }
            if (off <= 1e-34 * total) break;
            for (int p = 0; p < n; p++)
                for (int q = p + 1; q < n; q++)
                {
                    double apq = a[p * n + q];
                    if (apq == 0) continue;
                    (double c, double s) = Rotation(a[p * n + p], a[q * n + q], apq);
                    for (int k = 0; k < n; k++) (a[k * n + p], a[k * n + q]) = (c * a[k * n + p] - s * a[k * n + q], s * a[k * n + p] + c * a[k * n + q]);
                    for (int k = 0; k < n; k++) (a[p * n + k], a[q * n + k]) = (c * a[p * n + k] - s * a[q * n + k], s * a[p * n + k] + c * a[q * n + k]);
                    for (int k = 0; k < n; k++) (v[k * n + p], v[k * n + q]) = (c * v[k * n + p] - s * v[k * n + q], s * v[k * n + p] + c * v[k * n + q]);
                }
        }
        double[] diagonal = new double[n];
        for (int i = 0; i < n; i++) diagonal[i] = a[i * n + i];
        int[] order = [.. Enumerable.Range(0, n).OrderBy(i => diagonal[i])];
        for (int j = 0; j < n; j++)
        {
            values[j] = diagonal[order[j]];
            for (int i = 0; i < n; i++) vectors[i * n + j] = v[i * n + order[j]];
        }
    }

    /// <summary>a [n, m] with n ≥ m becomes U, its singular values descending, v [m, m] the right vectors as columns. Hestenes' one-sided Jacobi.</summary>
    internal static void Singular(Span<double> a, Span<double> v, Span<double> values, int n, int m)
    {
        double[] right = new double[m * m];
        for (int i = 0; i < m; i++) right[i * m + i] = 1;
        bool rotated = true;
        for (int sweep = 0; sweep < 60 && rotated; sweep++)
        {
            rotated = false;
            for (int p = 0; p < m; p++)
                for (int q = p + 1; q < m; q++)
                {
                    double pp = 0, qq = 0, pq = 0;
                    for (int k = 0; k < n; k++)
                    {
                        double x = a[k * m + p], y = a[k * m + q];
                        pp += x * x;
                        qq += y * y;
                        pq += x * y;
                    }
                    if (pq == 0 || Math.Abs(pq) <= 1e-16 * Math.Sqrt(pp * qq)) continue;
                    rotated = true;
                    (double c, double s) = Rotation(pp, qq, pq);
                    for (int k = 0; k < n; k++) (a[k * m + p], a[k * m + q]) = (c * a[k * m + p] - s * a[k * m + q], s * a[k * m + p] + c * a[k * m + q]);
                    for (int k = 0; k < m; k++) (right[k * m + p], right[k * m + q]) = (c * right[k * m + p] - s * right[k * m + q], s * right[k * m + p] + c * right[k * m + q]);
                }
        }
        double[] lengths = new double[m], left = a.ToArray();
        for (int j = 0; j < m; j++)
        {
            for (int k = 0; k < n; k++) lengths[j] += left[k * m + j] * left[k * m + j];
            lengths[j] = Math.Sqrt(lengths[j]);
        }
        int[] order = [.. Enumerable.Range(0, m).OrderByDescending(j => lengths[j])];
        for (int j = 0; j < m; j++)
        {
            int from = order[j];
            values[j] = lengths[from];
            for (int k = 0; k < n; k++) a[k * m + j] = lengths[from] == 0 ? 0 : left[k * m + from] / lengths[from];
            for (int k = 0; k < m; k++) v[k * m + j] = right[k * m + from];
        }
    }

    // The rotation that makes the off-diagonal element apq of a symmetric 2 x 2 matrix zero.
    private static (double Cosine, double Sine) Rotation(double app, double aqq, double apq)
    {
        double theta = (aqq - app) / (2 * apq);
        double t = theta == 0 ? 1 : Math.Sign(theta) / (Math.Abs(theta) + Math.Sqrt(theta * theta + 1)), c = 1 / Math.Sqrt(t * t + 1);
        return (c, t * c);
    }

    private static int Pivot(ReadOnlySpan<double> a, int k, int n)
    {
        int pivot = k;
        for (int i = k + 1; i < n; i++) if (Math.Abs(a[i * n + k]) > Math.Abs(a[pivot * n + k])) pivot = i;
        return pivot;
    }

    private static void Exchange(Span<double> rows, int i, int j, int width)
    {
        if (i == j) return;
        for (int k = 0; k < width; k++) (rows[i * width + k], rows[j * width + k]) = (rows[j * width + k], rows[i * width + k]);
    }
}
