namespace Weft.Tensors;

/// <summary>The non-linearity that follows a layer, as far as initial weights depend on it.</summary>
public enum Nonlinearity
{
    /// <summary>None, or a convolution: gain 1.</summary>
    Linear,

    /// <summary>1 / (1 + e^-x): gain 1.</summary>
    Sigmoid,

    /// <summary>tanh: gain 5/3.</summary>
    Tanh,

    /// <summary>max(x, 0): gain √2.</summary>
    Relu,

    /// <summary>Leaky ReLU of slope a: gain √(2 / (1 + a²)).</summary>
    LeakyRelu,

    /// <summary>SELU: gain 3/4.</summary>
    Selu,
}

/// <summary>Which side of a layer keeps its variance.</summary>
public enum Fan
{
    /// <summary>The inputs: activations keep their size on the way forward.</summary>
    In,

    /// <summary>The outputs: gradients keep their size on the way back.</summary>
    Out,
}

/// <summary>First values of weights. Each method fills a tensor in place and returns it.</summary>
/// <remarks>
/// A weight is [out, in, kernel ..]: its fan in is in · kernel, its fan out is out · kernel. Drawing the same tensor from the same
/// generator gives the same bits.
/// </remarks>
public static class Initializers
{
    // ---- Sizes ----------------------------------------------------------------------------------------------------------

    /// <summary>By how much a layer before a non-linearity is enlarged, so that the deviation stays (He et al. 2015, arXiv:1502.01852).</summary>
    /// <param name="nonlinearity">What follows.</param>
    /// <param name="slope">The negative slope of a leaky ReLU.</param>
    public static double Gain(Nonlinearity nonlinearity, double slope = 0.01) => nonlinearity switch
    {
        Nonlinearity.Linear or Nonlinearity.Sigmoid => 1,
        Nonlinearity.Tanh => 5.0 / 3,
        Nonlinearity.Relu => Math.Sqrt(2),
        Nonlinearity.LeakyRelu => Math.Sqrt(2 / (1 + slope * slope)),
        Nonlinearity.Selu => 0.75,
        _ => throw new ArgumentOutOfRangeException(nameof(nonlinearity), $"Gain: {nonlinearity} is not known."),
    };

    /// <summary>How many inputs an output is made of, and how many outputs an input goes into.</summary>
    /// <exception cref="ArgumentException">The weight has fewer than two dimensions.</exception>
    public static (int In, int Out) Fans(Shape weight)
    {
        if (weight.Rank < 2) throw new ArgumentException($"Fans: a weight of shape {weight} has no fan in and out; at least [out, in] is needed.");
        int kernel = 1;
        for (int d = 2; d < weight.Rank; d++) kernel *= weight[d];
        return (weight[1] * kernel, weight[0] * kernel);
    }

    /// <summary>gain · √(6 / (in + out)) (Glorot and Bengio 2010, eq. 16).</summary>
    public static double XavierBound(Shape weight, double gain = 1) => gain * Math.Sqrt(6.0 / (Fans(weight) is var (i, o) ? i + o : 0));

    /// <summary>gain · √(2 / (in + out)) (Glorot and Bengio 2010).</summary>
    public static double XavierDeviation(Shape weight, double gain = 1) => gain * Math.Sqrt(2.0 / (Fans(weight) is var (i, o) ? i + o : 0));

    /// <summary>gain · √(3 / fan) (He et al. 2015, arXiv:1502.01852).</summary>
    public static double KaimingBound(Shape weight, double gain, Fan fan = Fan.In) => gain * Math.Sqrt(3.0 / Size(weight, fan));

    /// <summary>gain / √fan (He et al. 2015, eq. 10).</summary>
    public static double KaimingDeviation(Shape weight, double gain, Fan fan = Fan.In) => gain / Math.Sqrt(Size(weight, fan));

    /// <summary>Mean and deviation of a normal distribution that is cut at two absolute bounds.</summary>
    /// <remarks>With α, β the bounds in deviations, Z = Φ(β) - Φ(α): mean μ + σ (φ(α) - φ(β)) / Z, variance σ² (1 + (α φ(α) - β φ(β)) / Z - ((φ(α) - φ(β)) / Z)²).</remarks>
    public static (double Mean, double Deviation) TruncatedNormalMoments(double mean, double deviation, double low, double high)
    {
        double a = (low - mean) / deviation, b = (high - mean) / deviation, z = Distribution(b) - Distribution(a);
        double shift = (Density(a) - Density(b)) / z;
        return (mean + deviation * shift, deviation * Math.Sqrt(1 + (a * Density(a) - b * Density(b)) / z - shift * shift));
    }

    // ---- Random weights -------------------------------------------------------------------------------------------------

    /// <summary>Uniform in ±<see cref="XavierBound"/>: for layers before tanh or a sigmoid.</summary>
    public static Tensor XavierUniform(Tensor weight, RandomGenerator generator, double gain = 1) => Uniform(weight, generator, XavierBound(weight.Shape, gain));

    /// <summary>Normal with <see cref="XavierDeviation"/>.</summary>
    public static Tensor XavierNormal(Tensor weight, RandomGenerator generator, double gain = 1) => Normal(weight, generator, XavierDeviation(weight.Shape, gain));

    /// <summary>Uniform in ±<see cref="KaimingBound"/>: for layers before a ReLU.</summary>
    public static Tensor KaimingUniform(Tensor weight, RandomGenerator generator, Nonlinearity nonlinearity = Nonlinearity.Relu, Fan fan = Fan.In, double slope = 0.01) =>
        Uniform(weight, generator, KaimingBound(weight.Shape, Gain(nonlinearity, slope), fan));

    /// <summary>Normal with <see cref="KaimingDeviation"/>.</summary>
    public static Tensor KaimingNormal(Tensor weight, RandomGenerator generator, Nonlinearity nonlinearity = Nonlinearity.Relu, Fan fan = Fan.In, double slope = 0.01) =>
        Normal(weight, generator, KaimingDeviation(weight.Shape, Gain(nonlinearity, slope), fan));

    /// <summary>Uniform in [-bound, bound).</summary>
    public static Tensor Uniform(Tensor weight, RandomGenerator generator, double bound)
    {
        generator.FillUniform(weight.Detach(), -bound, bound);
        return weight;
    }

    /// <summary>Normal with a deviation, around a mean.</summary>
    public static Tensor Normal(Tensor weight, RandomGenerator generator, double deviation = 1, double mean = 0)
    {
        generator.FillGaussian(weight.Detach(), mean, deviation);
        return weight;
    }

    /// <summary>Normal, cut at two absolute bounds (not multiples of the deviation): drawn by the inverse of the distribution function.</summary>
    /// <exception cref="ArgumentException">The deviation is not positive, or the bounds hold nothing between them.</exception>
    public static Tensor TruncatedNormal(Tensor weight, RandomGenerator generator, double mean = 0, double deviation = 1, double low = -2, double high = 2)
    {
        if (!(deviation > 0) || !(low < high)) throw new ArgumentException($"TruncatedNormal: deviation {deviation} must be above 0, and the bounds {low} and {high} in order.");
        double from = Distribution((low - mean) / deviation), to = Distribution((high - mean) / deviation);
        Write(weight, _ => Math.Clamp(mean + deviation * Math.Sqrt(2) * SpecialFunctions.ErfInverse(2 * (from + (to - from) * generator.NextDouble()) - 1), low, high));
        return weight;
    }

    /// <summary>Rows (or, if there are more rows than columns, columns) of length gain, each at a right angle to the others (Saxe et al. 2013, arXiv:1312.6120).</summary>
    /// <remarks>A weight of more dimensions counts as [out, rest]. Drawn normal, then made orthogonal by Gram and Schmidt, twice for the last digits.</remarks>
    public static Tensor Orthogonal(Tensor weight, RandomGenerator generator, double gain = 1)
    {
        (int rows, int columns) = Matrix(weight, nameof(Orthogonal));
        bool tall = rows > columns;
        (int count, int length) = tall ? (columns, rows) : (rows, columns);
        double[][] vectors = new double[count][];
        for (int i = 0; i < count; i++)
        {
            vectors[i] = new double[length];
            for (int k = 0; k < length; k++) vectors[i][k] = generator.NextGaussian();
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < i; j++)
                {
                    double dot = System.Numerics.Tensors.TensorPrimitives.Dot<double>(vectors[i], vectors[j]);
                    for (int k = 0; k < length; k++) vectors[i][k] -= dot * vectors[j][k];
                }
                double norm = System.Numerics.Tensors.TensorPrimitives.Norm<double>(vectors[i]);
                for (int k = 0; k < length; k++) vectors[i][k] /= norm;
            }
        }
        Write(weight, at => gain * (tall ? vectors[at % columns][at / columns] : vectors[at / columns][at % columns]));
        return weight;
    }

    // ---- Weights that pass their input through --------------------------------------------------------------------------

    /// <summary>Ones on the main diagonal of a matrix, zeros elsewhere.</summary>
    public static Tensor Identity(Tensor weight)
    {
        if (weight.Rank != 2) throw new ArgumentException($"Identity: a matrix is needed, not {weight.Shape}.");
        int columns = weight.Shape[1];
        Write(weight, at => at / columns == at % columns ? 1 : 0);
        return weight;
    }

    /// <summary>A convolution that copies as many channels of each group as it can: 1 at the middle of the kernel of each channel from itself.</summary>
    /// <param name="weight">[out, in / groups, kernel ..].</param>
    /// <param name="groups">How many groups the channels fall into.</param>
    public static Tensor Dirac(Tensor weight, int groups = 1)
    {
        if (weight.Rank < 3 || groups < 1 || weight.Shape[0] % groups != 0) throw new ArgumentException($"Dirac: {weight.Shape} is no convolution's weight of {groups} groups.");
        int perGroup = weight.Shape[0] / groups, inputs = weight.Shape[1], kernel = 1, middle = 0;
        for (int d = 2; d < weight.Rank; d++) (kernel, middle) = (kernel * weight.Shape[d], middle * weight.Shape[d] + weight.Shape[d] / 2);
        Write(weight, at =>
        {
            int output = at / (inputs * kernel), input = at / kernel % inputs;
            return at % kernel == middle && output % perGroup == input ? 1 : 0;
        });
        return weight;
    }

    // ---- What PyTorch's modules begin with ------------------------------------------------------------------------------

    /// <summary>What linear maps and convolutions begin with: weight and bias uniform in ±1 / √(fan in).</summary>
    public static void AffineDefault(Tensor weight, Tensor? bias, RandomGenerator generator)
    {
        double bound = 1 / Math.Sqrt(Fans(weight.Shape).In);
        Uniform(weight, generator, bound);
        if (bias is not null) Uniform(bias, generator, bound);
    }

    /// <summary>What a bilinear map begins with: uniform in ±1 / √I. Shapes: weight [O, I, J], bias [O].</summary>
    public static void BilinearDefault(Tensor weight, Tensor? bias, RandomGenerator generator)
    {
        if (weight.Rank != 3) throw new ArgumentException($"BilinearDefault: weight {weight.Shape} must be [O, I, J].");
        double bound = 1 / Math.Sqrt(weight.Shape[1]);
        Uniform(weight, generator, bound);
        if (bias is not null) Uniform(bias, generator, bound);
    }

    /// <summary>What recurrent networks begin with: every parameter uniform in ±1 / √(hidden size).</summary>
    public static void RecurrentDefault(IEnumerable<Tensor> parameters, int hiddenSize, RandomGenerator generator)
    {
        foreach (Tensor parameter in parameters) Uniform(parameter, generator, 1 / Math.Sqrt(hiddenSize));
    }

    /// <summary>What an embedding table begins with: standard normal, the row of the padding token 0. Shapes: table [V, C].</summary>
    public static void EmbeddingDefault(Tensor table, RandomGenerator generator, int? paddingId = null)
    {
        Normal(table, generator);
        if (paddingId is { } id) table.Detach().Select(0, id).Fill(0);
    }

    private static int Size(Shape weight, Fan fan) => fan == Fan.In ? Fans(weight).In : Fans(weight).Out;

    private static (int Rows, int Columns) Matrix(Tensor weight, string operation)
    {
        if (weight.Rank < 2) throw new ArgumentException($"{operation}: a weight of at least [out, in] is needed, not {weight.Shape}.");
        return (weight.Shape[0], weight.Count / Math.Max(1, weight.Shape[0]));
    }

    // Sets every element by its place in row-major order, in order.
    private static void Write(Tensor weight, Func<int, double> value)
    {
        Tensor target = weight.Detach();
        if (target.DType == DType.Float32)
        {
            Span<float> values = target.AsSpan<float>();
            for (int i = 0; i < values.Length; i++) values[i] = (float)value(i);
        }
        else
        {
            Span<double> values = target.AsSpan<double>();
            for (int i = 0; i < values.Length; i++) values[i] = value(i);
        }
    }

    private static double Distribution(double x) => 0.5 * SpecialFunctions.Erfc(-x / Math.Sqrt(2));

    private static double Density(double x) => double.IsInfinity(x) ? 0 : Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
}
