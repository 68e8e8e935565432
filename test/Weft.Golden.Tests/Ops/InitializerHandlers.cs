using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

/// <summary>The group <c>init</c>: sizes and properties of first weights. What is drawn at random has no reference but its distribution.</summary>
internal static class InitializerHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        runner.Add("calculate_gain", static (golden, _) =>
        {
            string name = golden.Attrs.String("nonlinearity");
            GoldenAssert.Close(golden.Outputs["gain"], Initializers.Gain(Named(name), golden.Attrs.DoubleOrNull("param") ?? 0.01), golden.ToleranceF64);
        }, GoldenPrecision.F64);
        runner.Add("fan_statistics", static (golden, _) =>
        {
            Shape shape = new(golden.Attrs.Ints("shape"));
            foreach ((string key, GoldenValue expected) in golden.Outputs) GoldenAssert.Close(expected, Statistic(key, shape), golden.ToleranceF64);
        }, GoldenPrecision.F64);
        runner.Add("trunc_normal", static (golden, _) => TruncatedNormal(golden), GoldenPrecision.F64);
        runner.Add("orthogonal", static (golden, _) =>
        {
            Tensor w = Initializers.Orthogonal(New(golden), new RandomGenerator(7), golden.Attrs.Double("gain")).Flatten(1);
            Tensor gram = w.Shape[0] <= w.Shape[1] ? w.MatMul(w.Transpose()) : w.Transpose().MatMul(w);
            double square = golden.Outputs["gram_diagonal"].Scalar;
            GoldenAssert.Close((Tensor.Identity(gram.Shape[0], DType.Float64) * square).ToArray<double>(), gram.ToArray<double>(), golden.ToleranceF64, $"{golden}");
        }, GoldenPrecision.F64);
        runner.Add("dirac", static (golden, _) => OpCase.Compare(golden.Outputs["out"], Initializers.Dirac(New(golden), golden.Attrs.IntOrNull("groups") ?? 1), 0), GoldenPrecision.F64);
        runner.Add("eye", static (golden, _) => OpCase.Compare(golden.Outputs["out"], Initializers.Identity(New(golden)), 0), GoldenPrecision.F64);
        runner.Add("module_defaults", static (golden, _) => ModuleDefaults(golden), GoldenPrecision.F64);
    }

    private static Tensor New(GoldenCase golden) => Tensor.Zeros(new Shape(golden.Attrs.Ints("shape")), DType.Float64);

    private static Nonlinearity Named(string name) => name switch
    {
        "linear" or "sigmoid" => name == "linear" ? Nonlinearity.Linear : Nonlinearity.Sigmoid,
        "tanh" => Nonlinearity.Tanh,
        "relu" => Nonlinearity.Relu,
        "leaky_relu" => Nonlinearity.LeakyRelu,
        "selu" => Nonlinearity.Selu,
        _ when name.StartsWith("conv", StringComparison.Ordinal) => Nonlinearity.Linear,
        _ => throw new InvalidDataException($"The nonlinearity {name} is not known."),
    };

    // Keys such as kaiming_uniform_bound_fan_in_leaky_relu_sqrt5: what, of which side, before which function, with which parameter.
    private static double Statistic(string key, Shape shape)
    {
        (int fanIn, int fanOut) = Initializers.Fans(shape);
        if (key == "fan_in") return fanIn;
        if (key == "fan_out") return fanOut;
        if (key == "linear_default_bias_bound") return 1 / Math.Sqrt(fanIn);
        string last = key[(key.LastIndexOf('_') + 1)..];
        double parameter = last.StartsWith("sqrt", StringComparison.Ordinal) ? Math.Sqrt(double.Parse(last[4..])) : double.Parse(last);
        if (key.StartsWith("xavier_uniform_bound_gain_", StringComparison.Ordinal)) return Initializers.XavierBound(shape, parameter);
        if (key.StartsWith("xavier_normal_std_gain_", StringComparison.Ordinal)) return Initializers.XavierDeviation(shape, parameter);
        Fan fan = key.Contains("_fan_in_", StringComparison.Ordinal) ? Fan.In : Fan.Out;
        string function = key[(key.IndexOf("_fan_", StringComparison.Ordinal) + 5)..key.LastIndexOf('_')];
        double gain = Initializers.Gain(Named(function[(function.IndexOf('_') + 1)..]), parameter);
        if (key.StartsWith("kaiming_uniform_bound_", StringComparison.Ordinal)) return Initializers.KaimingBound(shape, gain, fan);
        if (key.StartsWith("kaiming_normal_std_", StringComparison.Ordinal)) return Initializers.KaimingDeviation(shape, gain, fan);
        throw new InvalidDataException($"The statistic {key} is not known.");
    }

    private static void TruncatedNormal(GoldenCase golden)
    {
        double mean = golden.Attrs.Double("mean"), deviation = golden.Attrs.Double("std"), low = golden.Attrs.Double("a"), high = golden.Attrs.Double("b");
        (double mu, double sigma) = Initializers.TruncatedNormalMoments(mean, deviation, low, high);
        GoldenAssert.Close(golden.Outputs["mean"], mu, golden.ToleranceF64);
        GoldenAssert.Close(golden.Outputs["std"], sigma, golden.ToleranceF64);

        // A sample's mean is off by sigma / sqrt(n), its deviation by less than sigma / sqrt(n): five times that never happens.
        const int Count = 100_000;
        Tensor sample = Initializers.TruncatedNormal(Tensor.Zeros([Count], DType.Float64), new RandomGenerator(5), mean, deviation, low, high);
        double allowed = 5 * sigma / Math.Sqrt(Count);
        Assert.InRange(sample.Mean().Item(), mu - allowed, mu + allowed);
        Assert.InRange(sample.StandardDeviation().Item(), sigma - allowed, sigma + allowed);
        Assert.InRange(sample.Min().Item(), low, high);
        Assert.InRange(sample.Max().Item(), low, high);
    }

    // The reference says it in words; each module it names is drawn large, and its bounds and moments are measured.
    private static void ModuleDefaults(GoldenCase golden)
    {
        RandomGenerator generator = new(3);
        foreach (string module in golden.Outputs.Keys)
        {
            switch (module)
            {
                case "linear":
                {
                    Tensor weight = Tensor.Zeros([200, 300]), bias = Tensor.Zeros([200]);
                    Initializers.AffineDefault(weight, bias, generator);
                    Uniform(weight, 1 / Math.Sqrt(300));
                    Uniform(bias, 1 / Math.Sqrt(300));
                    break;
                }
                case "conv":
                {
                    Tensor weight = Tensor.Zeros([60, 8, 5, 5]); // in channels / groups = 8
                    Initializers.AffineDefault(weight, null, generator);
                    Uniform(weight, 1 / Math.Sqrt(8 * 25));
                    break;
                }
                case "embedding":
                {
                    Tensor table = Tensor.Zeros([400, 50]);
                    Initializers.EmbeddingDefault(table, generator, paddingId: 3);
                    Assert.All(table.Select(0, 3).ToArray<float>(), static v => Assert.Equal(0, v));
                    Normal(table, 1);
                    break;
                }
                case "recurrent":
                {
                    Tensor[] parameters = [Tensor.Zeros([64, 30]), Tensor.Zeros([64, 16]), Tensor.Zeros([64])];
                    Initializers.RecurrentDefault(parameters, 16, generator);
                    foreach (Tensor parameter in parameters) Uniform(parameter, 1.0 / 4);
                    break;
                }
                case "multihead_attention":
                {
                    MultiHeadAttention attention = new MultiHeadAttention("a", 96, 4, extraKey: true).Initialize(generator);
                    foreach (Linear map in (Linear[])[attention.Query, attention.Key, attention.Value]) Uniform(map.Weight, Math.Sqrt(6.0 / (96 + 3 * 96)));
                    Uniform(attention.Output.Weight, 1 / Math.Sqrt(96));
                    foreach (Linear map in (Linear[])[attention.Query, attention.Key, attention.Value, attention.Output]) Assert.All(map.Bias!.ToArray<float>(), static v => Assert.Equal(0, v));
                    Normal(attention.ExtraKey!, Math.Sqrt(2.0 / (96 + 96)));
                    Normal(attention.ExtraValue!, Math.Sqrt(2.0 / (96 + 96)));
                    break;
                }
                case "layer_norm":
                {
                    LayerNorm norm = new("n", 5, 1e-5, bias: true);
                    Assert.All(norm.Weight.ToArray<float>(), static v => Assert.Equal(1, v));
                    Assert.All(norm.Bias!.ToArray<float>(), static v => Assert.Equal(0, v));
                    break;
                }
                case "bilinear":
                {
                    Tensor weight = Tensor.Zeros([20, 25, 30]), bias = Tensor.Zeros([20]);
                    Initializers.BilinearDefault(weight, bias, generator);
                    Uniform(weight, 1.0 / 5);
                    Uniform(bias, 1.0 / 5);
                    break;
                }
                case "prelu":
                    Assert.Equal("0.25", golden.Outputs[module].Json.GetString()); // there is no layer of it: PRelu takes its weight from the caller
                    break;
                default:
                    Assert.Fail($"{golden}: the defaults of {module} are not known.");
                    break;
            }
        }
    }

    // All within the bound, and spread as a uniform distribution: the deviation of n draws is within five of its own deviations.
    private static void Uniform(Tensor x, double bound)
    {
        double[] values = x.To(DType.Float64).ToArray<double>();
        Assert.All(values, v => Assert.InRange(v, -bound * (1 + 1e-6), bound * (1 + 1e-6)));
        double expected = bound / Math.Sqrt(3), allowed = 5 * expected * Math.Sqrt(0.2 / values.Length); // kurtosis 1.8
        Assert.InRange(Math.Sqrt(values.Average(static v => v * v)), expected - allowed, expected + allowed);
    }

    private static void Normal(Tensor x, double deviation)
    {
        double[] values = x.To(DType.Float64).ToArray<double>();
        double allowed = 5 * deviation * Math.Sqrt(0.5 / values.Length);
        Assert.InRange(Math.Sqrt(values.Average(static v => v * v)), deviation * 0.99 - allowed, deviation + allowed); // 0.99: a table's padding row is 0
    }
}
