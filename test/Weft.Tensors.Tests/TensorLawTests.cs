using CsCheck;

namespace Weft.Tensors.Tests;

/// <summary>Laws that hold for tensors of every shape and layout, tried on random ones.</summary>
public sealed class TensorLawTests
{
    private const int Tries = 300;

    // Sums of at most 625 numbers below 2 in float64: some hundred roundings of 1e-16 each, of sums up to a thousand.
    private const double Rounding = 1e-11;

    private static readonly Gen<int[]> s_sizes = Gen.Int[0, 4].Array[0, 4];

    private static readonly Gen<Tensor> s_tensors = Gen.Select(s_sizes, Gen.ULong, Gen.Int[0, 3], Make);

    private static readonly Gen<Tensor> s_filled = Gen.Select(Gen.Int[1, 4].Array[1, 4], Gen.ULong, Gen.Int[0, 3], Make);

    // ---- Shapes ---------------------------------------------------------------------------------------------------------

    [Fact]
    public void Reshape_ThereAndBack_IsTheSame() => s_tensors.Sample(x => Same(x, x.Reshape(new Shape(x.Count)).Reshape(x.Shape)), iter: Tries);

    [Fact]
    public void Transpose_Twice_IsTheSame() =>
        Gen.Select(s_filled, Gen.Int[0, 99], Gen.Int[0, 99]).Sample((x, i, j) => Same(x, x.Transpose(i % x.Rank, j % x.Rank).Transpose(i % x.Rank, j % x.Rank)), iter: Tries);

    [Fact]
    public void Permute_ByAnOrderAndItsInverse_IsTheSame() => Gen.Select(s_tensors, Gen.ULong).Sample((x, seed) =>
    {
        int[] order = Order(x.Rank, seed), inverse = new int[order.Length];
        for (int i = 0; i < order.Length; i++) inverse[order[i]] = i;
        Same(x, x.Permute(order).Permute(inverse));
    }, iter: Tries);

    [Fact]
    public void Permute_Twice_IsOnePermuteByTheProduct() => Gen.Select(s_tensors, Gen.ULong, Gen.ULong).Sample((x, s, t) =>
    {
        int[] p = Order(x.Rank, s), q = Order(x.Rank, t);
        Same(x.Permute([.. q.Select(i => p[i])]), x.Permute(p).Permute(q));
    }, iter: Tries);

    [Fact]
    public void Flatten_IsRowMajorOrder() => s_tensors.Sample(x => Assert.Equal(x.ToArray<double>(), x.Flatten().ToArray<double>()), iter: Tries);

    [Fact]
    public void Squeeze_OfUnsqueeze_IsTheSame() => Gen.Select(s_tensors, Gen.Int[0, 99]).Sample((x, i) => Same(x, x.Unsqueeze(i % (x.Rank + 1)) is var y && x.Rank < 8 ? y.Select(i % (x.Rank + 1), 0) : x), iter: Tries);

    [Fact]
    public void FlipTwice_AndRollBack_AreTheSame() => Gen.Select(s_filled, Gen.Int[-9, 9]).Sample((x, k) =>
    {
        Same(x, x.Flip(0, -1).Flip(0, -1));
        Same(x, x.Roll(k, 0).Roll(-k, 0));
        Same(x, x.Roll(k).Roll(-k));
    }, iter: Tries);

    // ---- Layout ---------------------------------------------------------------------------------------------------------

    [Fact]
    public void Operations_OnAView_GiveWhatTheyGiveOnItsCopy()
    {
        Func<Tensor, Tensor>[] operations =
        [
            static x => x.Exp(), static x => x + x.Square(), static x => x.Sum(), static x => x.Sum(0), static x => x.Softmax(), static x => x.Max(0), static x => x.CumulativeSum(0),
            static x => x.Sort(0).Values, static x => x.IndexSelect(0, [0, 0]), static x => x.Flip(0), static x => x.Pad(0, 1, 1), static x => x.LayerNorm(),
        ];
        s_filled.Sample(x =>
        {
            foreach (Func<Tensor, Tensor> operation in operations) Same(operation(Copy(x)), operation(x), Rounding);
        }, iter: Tries);
    }

    [Fact]
    public void Views_ShareMemory_AndCopiesDoNot() => Gen.Select(s_filled, Gen.Int[0, 99]).Sample((x, i) =>
    {
        Tensor row = x.Select(0, i % x.Shape[0]), part = x.Narrow(0, i % x.Shape[0], 1), turned = x.Transpose(0, -1), copy = Copy(x);
        double[] before = copy.ToArray<double>();
        row.CopyFrom(Tensor.Full(row.Shape, 7, DType.Float64));
        Assert.All(part.ToArray<double>(), static v => Assert.Equal(7, v));
        Same(turned.Transpose(0, -1), x);
        Assert.Equal(before, copy.ToArray<double>());
    }, iter: Tries);

    [Fact]
    public void Contiguous_OfAnything_HasTheSameElements() => s_tensors.Sample(x =>
    {
        Assert.True(x.Contiguous().IsContiguous);
        Same(x, x.Contiguous());
    }, iter: Tries);

    // ---- Broadcasting ---------------------------------------------------------------------------------------------------

    [Fact]
    public void Broadcasting_EqualsExplicitExpansion() => Gen.Select(s_sizes, Gen.ULong, Gen.ULong).Sample((sizes, s, t) =>
    {
        Tensor a = Make(Shrunk(sizes, s), s, 1), b = Make(Shrunk(sizes, t), t, 2);
        Shape shape = Shape.Broadcast(a.Shape, b.Shape, "test");
        Tensor wideA = Copy(a.Expand(shape)), wideB = Copy(b.Expand(shape));
        Same(wideA + wideB, a + b);
        Same(wideA * wideB, a * b);
        Same(wideA - wideB, a - b);
        Same(wideA.Maximum(wideB), a.Maximum(b));
        Assert.Equal(wideA.Less(wideB).ToArray<bool>(), a.Less(b).ToArray<bool>());
    }, iter: Tries);

    [Fact]
    public void SumTo_IsTheTransposeOfExpand() => Gen.Select(s_sizes, Gen.ULong).Sample((sizes, seed) =>
    {
        // <expand x, y> = <x, sumTo y>
        Tensor x = Make(Shrunk(sizes, seed), seed, 0), y = Make(sizes, seed + 1, 1);
        Near((x.Expand(y.Shape) * y).Sum().Item(), (x * y.SumTo(x.Shape)).Sum().Item());
    }, iter: Tries);

    [Fact]
    public void Arithmetic_Commutes_AndUndoesItself() => Gen.Select(s_tensors, Gen.ULong).Sample((x, seed) =>
    {
        Tensor y = Make(x.Shape.ToArray(), seed, 1);
        Same(x + y, y + x);
        Same(x * y, y * x);
        Same(x, x + y - y, Rounding);
        Same((x + y) * 2.0, x * 2.0 + y * 2.0, Rounding);
    }, iter: Tries);

    [Fact]
    public void Where_AndItsOpposite_TakeEachSideOnce() => Gen.Select(s_tensors, Gen.ULong).Sample((x, seed) =>
    {
        Tensor y = Make(x.Shape.ToArray(), seed, 1), mask = x.Greater(0);
        Same(x + y, mask.Where(x, y) + mask.LogicalNot().Where(x, y));
    }, iter: Tries);

    // ---- Parts and totals -----------------------------------------------------------------------------------------------

    [Fact]
    public void Concat_OfSplit_IsTheSame() => Gen.Select(s_filled, Gen.Int[1, 5], Gen.Int[0, 99]).Sample((x, size, i) =>
    {
        int d = i % x.Rank;
        Same(x, Tensor.Concat(x.Split(size, d), d));
        Same(x, Tensor.Concat(x.Chunk(size, d), d));
        Same(x, Tensor.Stack([.. Enumerable.Range(0, x.Shape[d]).Select(k => x.Select(d, k))], d));
    }, iter: Tries);

    [Fact]
    public void Split_OfConcat_GivesTheParts() => Gen.Select(s_filled, Gen.ULong).Sample((x, seed) =>
    {
        Tensor y = Make(x.Shape.ToArray(), seed, 2);
        Tensor[] parts = Tensor.Concat([x, y], -1).Split(x.Shape[^1], x.Rank - 1);
        Same(x, parts[0]);
        Same(y, parts[1]);
    }, iter: Tries);

    [Fact]
    public void Sum_IsTheSumOfParts() => Gen.Select(s_filled, Gen.Int[1, 3], Gen.Int[0, 99]).Sample((x, size, i) =>
    {
        int d = i % x.Rank;
        Near(x.Sum().Item(), x.Split(size, d).Sum(static part => part.Sum().Item()));
        Near(x.Sum().Item(), x.Sum(d).Sum().Item());
        Near(x.Sum().Item(), x.ToArray<double>().Sum());
        Same(x.Sum(d), Enumerable.Range(0, x.Shape[d]).Select(k => x.Select(d, k)).Aggregate(static (a, b) => a + b), Rounding);
        Same(x.Sum(d), x.CumulativeSum(d).Select(d, -1), Rounding);
        Same(x.Mean(d) * (double)x.Shape[d], x.Sum(d), Rounding);
    }, iter: Tries);

    [Fact]
    public void Max_IsTheLargestElement_AndWhereItsIndexSays() => Gen.Select(s_filled, Gen.Int[0, 99]).Sample((x, i) =>
    {
        int d = i % x.Rank;
        (Tensor values, Tensor indices) = x.MaxWithIndices(d, keepDimension: true);
        Same(values, x.Max(d, true));
        Same(values, x.Gather(d, indices));
        Assert.Equal(x.Max().Item(), x.ToArray<double>().Max());
        Same(-x.Max(d), (-x).Min(d));
    }, iter: Tries);

    [Fact]
    public void Sort_IsAPermutationInOrder() => Gen.Select(s_filled, Gen.Int[0, 99]).Sample((x, i) =>
    {
        int d = i % x.Rank;
        Tensor sorted = x.Sort(d).Values;
        Same(sorted, sorted.Sort(d).Values);
        Assert.Equal(x.ToArray<double>().Order(), sorted.ToArray<double>().Order());
        if (x.Shape[d] > 1) Assert.All((sorted.Narrow(d, 1, x.Shape[d] - 1) - sorted.Narrow(d, 0, x.Shape[d] - 1)).ToArray<double>(), static step => Assert.True(step >= 0));
    }, iter: Tries);

    [Fact]
    public void Softmax_SumsToOne_AndForgetsAConstant() => Gen.Select(s_filled, Gen.Double[-5, 5]).Sample((x, c) =>
    {
        Tensor p = x.Softmax();
        Same(Tensor.Ones(p.Sum(-1).Shape, DType.Float64), p.Sum(-1), Rounding);
        Same(p, (x + c).Softmax(), Rounding);
        Same(p, x.LogSoftmax().Exp(), Rounding);
    }, iter: Tries);

    [Fact]
    public void Gather_AndScatterAdd_AreTransposes() => Gen.Select(s_filled, Gen.ULong).Sample((x, seed) =>
    {
        // <gather x, y> = <x, scatterAdd y>
        RandomGenerator generator = new(seed);
        Tensor index = Tensor.From<int>([.. Enumerable.Range(0, x.Count).Select(_ => generator.NextInt32(x.Shape[0]))], x.Shape), y = Make(x.Shape.ToArray(), seed, 3);
        Near((x.Gather(0, index) * y).Sum().Item(), (x * Tensor.Zeros(x.Shape, DType.Float64).ScatterAdd(0, index, y)).Sum().Item());
    }, iter: Tries);

    // ---- Products -------------------------------------------------------------------------------------------------------

    [Fact]
    public void MatMul_IsAssociativeAndDistributive_AndTransposesInReverse() =>
        Gen.Select(Gen.Int[0, 5].Array[4], Gen.ULong, Gen.Int[0, 3]).Sample((n, seed, layout) =>
        {
            Tensor a = Make([n[0], n[1]], seed, layout), b = Make([n[1], n[2]], seed + 1, layout), c = Make([n[2], n[3]], seed + 2, layout), d = Make([n[1], n[2]], seed + 3, layout);
            Same(a.MatMul(b).MatMul(c), a.MatMul(b.MatMul(c)), Rounding);
            Same(a.MatMul(b) + a.MatMul(d), a.MatMul(b + d), Rounding);
            Same(a.MatMul(b).Transpose(), b.Transpose().MatMul(a.Transpose()), Rounding);
            Same(a.MatMul(b), Tensor.Einsum("ij,jk->ik", a, b), Rounding);
            Same(a.MatMul(b), (a.Unsqueeze(2) * b.Unsqueeze(0)).Sum(1), Rounding);
        }, iter: Tries);

    [Fact]
    public void MatMul_OfABatch_IsThatOfEachMatrix() => Gen.Select(Gen.Int[1, 4].Array[4], Gen.ULong, Gen.Int[0, 3]).Sample((n, seed, layout) =>
    {
        Tensor a = Make([n[0], n[1], n[2]], seed, layout), b = Make([n[2], n[3]], seed + 1, layout);
        Same(a.MatMul(b), Tensor.Stack([.. Enumerable.Range(0, n[0]).Select(i => a.Select(0, i).MatMul(b))]), Rounding);
    }, iter: Tries);

    // ---- Tools ----------------------------------------------------------------------------------------------------------

    // Row-major, or with the dimensions' order reversed in memory, or every second element of a larger tensor, or both.
    private static Tensor Make(int[] sizes, ulong seed, int layout)
    {
        bool reversed = layout is 1 or 3, strided = layout is 2 or 3;
        int[] stored = reversed ? [.. sizes.Reverse()] : [.. sizes];
        int n = stored.Length == 0 ? 0 : stored[^1];
        if (strided && stored.Length > 0) stored[^1] = 2 * n + 1;
        Tensor x = new RandomGenerator(seed).FillUniform(Tensor.Zeros(new Shape(stored), DType.Float64), -2, 2);
        if (strided && stored.Length > 0) x = x.Narrow(-1, 1, n, 2);
        return reversed ? x.Permute([.. Enumerable.Range(0, stored.Length).Reverse()]) : x;
    }

    private static Tensor Copy(Tensor x) => Tensor.From(x.ToArray<double>(), x.Shape);

    private static int[] Order(int rank, ulong seed)
    {
        int[] order = [.. Enumerable.Range(0, rank)];
        new RandomGenerator(seed).Shuffle<int>(order);
        return order;
    }

    // Sizes that broadcast to the given ones: some become 1, some leading ones disappear.
    private static int[] Shrunk(int[] sizes, ulong seed)
    {
        RandomGenerator generator = new(seed);
        int first = generator.NextInt32(sizes.Length + 1);
        return [.. sizes[first..].Select(n => generator.NextInt32(3) == 0 ? 1 : n)];
    }

    private static void Same(Tensor expected, Tensor actual, double tolerance = 0)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        double[] e = expected.ToArray<double>(), a = actual.ToArray<double>();
        for (int i = 0; i < e.Length; i++) Assert.InRange(a[i], e[i] - tolerance, e[i] + tolerance);
    }

    private static void Near(double expected, double actual) => Assert.InRange(actual, expected - Rounding, expected + Rounding);
}
