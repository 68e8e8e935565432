namespace Weft.Tensors.Tests.GradientTables;

/// <summary>One line of the table: an operation, the shapes it is tried on, and how to call it.</summary>
/// <param name="Op">The operation's key in <see cref="OpSurface"/>.</param>
/// <param name="Shapes">Sets of input shapes, separated by |; the shapes of one set by blanks; - is a single number.</param>
/// <param name="Function">Calls the operation.</param>
/// <param name="Low">The smallest input value.</param>
/// <param name="High">The largest input value.</param>
/// <param name="NoEmpty">Why no set has an empty shape; null where one has.</param>
/// <param name="NoSecond">Why the second derivative is not that of the function; null where it is.</param>
internal sealed record GradientCase(string Op, string Shapes, Func<Tensor[], Tensor> Function, double Low = -2, double High = 2, string? NoEmpty = null, string? NoSecond = null)
{
    internal IEnumerable<Shape[]> ShapeSets =>
        from set in Shapes.Split('|')
        select set.Split(' ').Select(static shape => shape == "-" ? Shape.Create([]) : new Shape([.. shape.Split(',').Select(int.Parse)])).ToArray();

    /// <summary>Inputs of given shapes with reproducible values; as views, none with more than one element lies in row-major order.</summary>
    internal Tensor[] Inputs(Shape[] shapes, bool views)
    {
        RandomGenerator generator = new(11);
        return [.. shapes.Select(shape => generator.FillUniform(views ? View(shape) : Tensor.Zeros(shape, DType.Float64), Low, High, viaCopy: views).RequireGrad())];
    }

    // Every second element of a larger tensor whose dimensions run the other way.
    private static Tensor View(Shape shape)
    {
        if (shape.Rank == 0) return Tensor.Zeros([3], DType.Float64).Select(0, 1);
        int[] sizes = [.. shape.ToArray().Reverse()];
        sizes[0] = 2 * sizes[0] + 1;
        Tensor part = Tensor.Zeros(new Shape(sizes), DType.Float64).Narrow(0, 1, shape[^1], 2);
        return part.Permute([.. Enumerable.Range(0, shape.Rank).Reverse()]);
    }

    // ---- What lines are written with ------------------------------------------------------------------------------------

    /// <summary>For operations on one tensor of any shape.</summary>
    internal const string Any = "3,5|1|0,3|2,1,7|-|5";

    /// <summary>For operations on one tensor of at least one dimension, the first not empty.</summary>
    internal const string Filled = "3,5|1|5,0|2,1,7|4|3,1,2";

    /// <summary>For operations on matrices.</summary>
    internal const string Matrices = "3,5|1,1|0,3|2,1,7|5,2|4,1";

    /// <summary>For operations on square matrices.</summary>
    internal const string Squares = "3,3|1,1|0,3,3|2,5,5|2,1,2,2";

    /// <summary>For operations on two tensors that broadcast.</summary>
    internal const string Pairs = "3,5 3,5|3,5 5|2,1,4 3,1|1 7|0,3 3|- 2,3";

    /// <summary>For operations on two tensors of one shape.</summary>
    internal const string Alike = "3,5 3,5|1 1|0,3 0,3|2,1,7 2,1,7|5 5|- -";

    /// <summary>For operations on two sets of vectors.</summary>
    internal const string Vectors = "3,5 3,5|1,3 1,3|0,3 0,3|2,1,7 2,1,7|5 5";

    internal static GradientCase One(string op, Func<Tensor, Tensor> function, double low = -2, double high = 2, string shapes = Any, string? noEmpty = null, string? noSecond = null) =>
        new(op, shapes, t => function(t[0]), low, high, noEmpty, noSecond);

    internal static GradientCase Two(string op, Func<Tensor, Tensor, Tensor> function, double low = -2, double high = 2, string shapes = Pairs, string? noEmpty = null, string? noSecond = null) =>
        new(op, shapes, t => function(t[0], t[1]), low, high, noEmpty, noSecond);

    internal static GradientCase Three(string op, string shapes, Func<Tensor, Tensor, Tensor, Tensor> function, double low = -2, double high = 2, string? noEmpty = null) =>
        new(op, shapes, t => function(t[0], t[1], t[2]), low, high, noEmpty);

    /// <summary>Indices below a size, irregular and with repetitions.</summary>
    internal static Tensor Index(Shape shape, int size)
    {
        int[] index = [.. Enumerable.Range(0, shape.Count).Select(i => (i * 7 + i / 3 + 1) % Math.Max(1, size))];
        return Tensor.From(index, shape);
    }

    /// <summary>A mask in which two of three are false, the first of every row among them.</summary>
    internal static Tensor Mask(Shape shape)
    {
        int width = shape.Rank == 0 ? 1 : Math.Max(1, shape[^1]);
        return Tensor.From([.. Enumerable.Range(0, shape.Count).Select(i => i % width % 3 == 1)], shape);
    }

    /// <summary>1 and -1 in turn, irregularly.</summary>
    internal static Tensor Signs(Shape shape) => Tensor.From([.. Enumerable.Range(0, shape.Count).Select(static i => i % 3 == 1 ? 1.0 : -1.0)], shape);

    internal static Shape WithoutLast(Tensor x) => x.Shape.Without(x.Rank - 1);

    /// <summary>Several results as one vector.</summary>
    internal static Tensor Flat(params Tensor[] results) => Tensor.Concat([.. results.Select(static r => r.Reshape(r.Count))], 0);
}

internal static class Filling
{
    /// <summary>Fills a tensor of any strides.</summary>
    internal static Tensor FillUniform(this RandomGenerator generator, Tensor target, double low, double high, bool viaCopy) =>
        viaCopy ? target.CopyFrom(generator.FillUniform(Tensor.Zeros(target.Shape, target.DType), low, high)) : generator.FillUniform(target, low, high);
}
