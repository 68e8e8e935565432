namespace Weft.Tensors;

/// <summary>Products that sum over named dimensions.</summary>
public static class Contractions
{
    extension(Tensor)
    {
        /// <summary>Einstein summation: dimensions with one letter are multiplied together, letters missing on the right are summed.</summary>
        /// <remarks>
        /// <c>"bij,bjk->bik"</c> is a batched matrix product; a letter twice in one operand is its diagonal; <c>...</c> stands for
        /// broadcast leading dimensions; without <c>-></c> the result has the letters that occur once, in alphabetical order.
        /// Operands are contracted from left to right by <see cref="Products.MatMul"/>.
        /// </remarks>
        /// <exception cref="ArgumentException">The equation does not fit the shapes.</exception>
        public static Tensor Einsum(string equation, params ReadOnlySpan<Tensor> operands) => new EinsumEquation(equation, operands).Run();
    }

    /// <summary>Σ a b over all elements of two vectors. Shapes: [N], [N] -> [].</summary>
    public static Tensor Dot(this Tensor a, Tensor b)
    {
        if (a.Rank != 1 || b.Rank != 1 || a.Count != b.Count) throw new ArgumentException($"Dot: {a.Shape} and {b.Shape} must both be vectors, of one length.");
        return a.MatMul(b);
    }

    /// <summary>All products of two vectors. Shapes: [N], [M] -> [N, M].</summary>
    public static Tensor Outer(this Tensor a, Tensor b)
    {
        if (a.Rank != 1 || b.Rank != 1) throw new ArgumentException($"Outer: {a.Shape} and {b.Shape} must both be vectors.");
        return a.Unsqueeze(1) * b;
    }

    /// <summary>Σ over pairs of dimensions, one of a and one of b. Shapes: what remains of a, then what remains of b.</summary>
    public static Tensor TensorDot(this Tensor a, Tensor b, ReadOnlySpan<int> dimensionsOfA, ReadOnlySpan<int> dimensionsOfB)
    {
        if (dimensionsOfA.Length != dimensionsOfB.Length) throw new ArgumentException($"TensorDot: {dimensionsOfA.Length} dimensions of {a.Shape} and {dimensionsOfB.Length} of {b.Shape}.");
        (Tensor left, int[] keptA, int innerA) = Matrix(a, dimensionsOfA, contractedLast: true);
        (Tensor right, int[] keptB, int innerB) = Matrix(b, dimensionsOfB, contractedLast: false);
        if (innerA != innerB) throw new ArgumentException($"TensorDot: {a.Shape} x {b.Shape}: the summed sizes {innerA} and {innerB} differ.");
        return left.MatMul(right).Reshape(new Shape([.. keptA, .. keptB]));
    }

    /// <summary>Each element of a times the whole of b (Kronecker). Shapes: [N1, .., Nk], [M1, .., Mk] -> [N1 · M1, ..].</summary>
    public static Tensor Kronecker(this Tensor a, Tensor b)
    {
        while (a.Rank < b.Rank) a = a.Unsqueeze(0);
        while (b.Rank < a.Rank) b = b.Unsqueeze(0);
        int[] shape = new int[a.Rank];
        for (int d = 0; d < shape.Length; d++) shape[d] = a.Shape[d] * b.Shape[d];
        for (int d = shape.Length - 1; d >= 0; d--) (a, b) = (a.Unsqueeze(d + 1), b.Unsqueeze(d)); // [N1, 1, N2, 1, ..], [1, M1, 1, M2, ..]
        return (a * b).Reshape(new Shape(shape));
    }

    /// <summary>y_o = Σ x_i W_oij z_j + b_o. Shapes: x [.., I], z [.., J], weight [O, I, J], bias [O] or null -> [.., O].</summary>
    public static Tensor Bilinear(this Tensor x, Tensor z, Tensor weight, Tensor? bias = null)
    {
        if (weight.Rank != 3 || x.Rank == 0 || z.Rank == 0 || x.Shape[^1] != weight.Shape[1] || z.Shape[^1] != weight.Shape[2])
            throw new ArgumentException($"Bilinear: x {x.Shape} and z {z.Shape} do not fit weight {weight.Shape}.");
        Tensor y = Tensor.Einsum("...i,oij,...j->...o", x, weight, z);
        return bias is null ? y : y + bias;
    }

    private static (Tensor Matrix, int[] Kept, int Inner) Matrix(Tensor x, ReadOnlySpan<int> contracted, bool contractedLast)
    {
        int mask = Reductions.Mask(x, contracted, "TensorDot"), inner = 1;
        List<int> kept = [], order = [], sizes = [];
        for (int d = 0; d < x.Rank; d++) if ((mask >> d & 1) == 0) kept.Add(d);
        foreach (int d in kept) sizes.Add(x.Shape[d]);
        foreach (int d in contracted) inner *= x.Shape[x.Shape.Dimension(d, "TensorDot")];
        if (contractedLast) order.AddRange(kept);
        foreach (int d in contracted) order.Add(x.Shape.Dimension(d, "TensorDot"));
        if (!contractedLast) order.AddRange(kept);
        int outer = new Shape(sizes.ToArray()).Count;
        Tensor y = x.Permute(order.ToArray());
        return (contractedLast ? y.Reshape(outer, inner) : y.Reshape(inner, outer), sizes.ToArray(), inner);
    }

    private sealed class EinsumEquation
    {
        private const char FirstEllipsis = '\u2460'; // labels of the dimensions that ... stands for, from the right

        private readonly string _equation, _output;
        private readonly List<(Tensor Tensor, string Labels)> _terms = [];

        internal EinsumEquation(string equation, ReadOnlySpan<Tensor> operands)
        {
            _equation = equation.Replace(" ", "", StringComparison.Ordinal);
            string[] sides = _equation.Split("->");
            string[] inputs = sides[0].Split(',');
            if (sides.Length > 2 || inputs.Length != operands.Length) throw new ArgumentException($"Einsum: \"{equation}\" names {inputs.Length} operands, {operands.Length} are given.");
            int ellipsis = 0;
            for (int i = 0; i < inputs.Length; i++)
            {
                int hidden = operands[i].Rank - inputs[i].Replace("...", "", StringComparison.Ordinal).Length;
                if (hidden < 0 || (hidden > 0 && !inputs[i].Contains("...", StringComparison.Ordinal)))
                    throw new ArgumentException($"Einsum: \"{inputs[i]}\" does not fit {operands[i].Shape}.");
                ellipsis = Math.Max(ellipsis, hidden);
                _terms.Add(Diagonals(operands[i], inputs[i].Replace("...", Ellipsis(hidden), StringComparison.Ordinal)));
            }
            _output = sides.Length == 2 ? sides[1].Replace("...", Ellipsis(ellipsis), StringComparison.Ordinal)
                : Ellipsis(ellipsis) + string.Concat(sides[0].Where(char.IsLetter).GroupBy(c => c).Where(g => g.Count() == 1).Select(g => g.Key).Order());
        }

        internal Tensor Run()
        {
            (Tensor Tensor, string Labels) result = _terms[0];
            for (int i = 1; i < _terms.Count; i++)
            {
                string wanted = _output + string.Concat(_terms[(i + 1)..].Select(t => t.Labels));
                result = Contract(SumAway(result, wanted + _terms[i].Labels), SumAway(_terms[i], wanted + result.Labels), wanted);
            }
            result = SumAway(result, _output);
            int[] order = [.. _output.Select(label => result.Labels.IndexOf(label))];
            if (order.Contains(-1) || order.Length != result.Labels.Length) throw new ArgumentException($"Einsum: \"{_equation}\" asks for a label that no operand has, or twice for one.");
            return result.Tensor.Permute(order);
        }

        private static string Ellipsis(int count) => string.Concat(Enumerable.Range(0, count).Select(i => (char)(FirstEllipsis + count - 1 - i)));

        private static (Tensor, string) Diagonals(Tensor x, string labels)
        {
            for (int i = 0; i < labels.Length; i++)
            {
                int j = labels.IndexOf(labels[i], i + 1);
                if (j < 0) continue;
                if (x.Shape[i] != x.Shape[j]) throw new ArgumentException($"Einsum: \"{labels}\" takes a diagonal of {x.Shape}, whose sizes {x.Shape[i]} and {x.Shape[j]} differ.");
                x = x.Diagonal(0, i, j);
                labels = labels.Remove(j, 1).Remove(i, 1) + labels[i];
                i--;
            }
            return (x, labels);
        }

        private static (Tensor Tensor, string Labels) SumAway((Tensor Tensor, string Labels) term, string wanted)
        {
            int[] gone = [.. Enumerable.Range(0, term.Labels.Length).Where(d => !wanted.Contains(term.Labels[d], StringComparison.Ordinal))];
            return gone.Length == 0 ? term : (term.Tensor.Sum(keepDimensions: false, gone), string.Concat(term.Labels.Where(l => wanted.Contains(l, StringComparison.Ordinal))));
        }

        private (Tensor, string) Contract((Tensor Tensor, string Labels) a, (Tensor Tensor, string Labels) b, string wanted)
        {
            string both = string.Concat(a.Labels.Where(l => b.Labels.Contains(l, StringComparison.Ordinal)));
            foreach (char label in both) Stretch(ref a, ref b, label);
            string batch = string.Concat(both.Where(l => wanted.Contains(l, StringComparison.Ordinal))), inner = string.Concat(both.Except(batch));
            string onlyA = string.Concat(a.Labels.Except(both)), onlyB = string.Concat(b.Labels.Except(both));
            Tensor left = Arrange(a, batch, onlyA, inner), right = Arrange(b, batch, inner, onlyB); // [batch, M, K], [batch, K, N]
            string labels = batch + onlyA + onlyB;
            int[] sizes = [.. labels.Select(l => a.Labels.Contains(l, StringComparison.Ordinal) ? a.Tensor.Shape[a.Labels.IndexOf(l)] : b.Tensor.Shape[b.Labels.IndexOf(l)])];
            return (left.MatMul(right).Reshape(new Shape(sizes)), labels);
        }

        private void Stretch(ref (Tensor Tensor, string Labels) a, ref (Tensor Tensor, string Labels) b, char label)
        {
            int da = a.Labels.IndexOf(label), db = b.Labels.IndexOf(label), na = a.Tensor.Shape[da], nb = b.Tensor.Shape[db];
            if (na == nb) return;
            if (label < FirstEllipsis || (na != 1 && nb != 1)) throw new ArgumentException($"Einsum: \"{_equation}\": {a.Tensor.Shape} and {b.Tensor.Shape} have sizes {na} and {nb} for one label.");
            if (na == 1) a.Tensor = a.Tensor.Expand(a.Tensor.Shape.With(da, nb));
            else b.Tensor = b.Tensor.Expand(b.Tensor.Shape.With(db, na));
        }

        private static Tensor Arrange((Tensor Tensor, string Labels) term, string first, string second, string third)
        {
            int[] order = [.. (first + second + third).Select(l => term.Labels.IndexOf(l))];
            int Size(string labels) => labels.Aggregate(1, (n, l) => n * term.Tensor.Shape[term.Labels.IndexOf(l)]);
            return term.Tensor.Permute(order).Reshape(Size(first), Size(second), Size(third));
        }
    }
}
