using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Ops;

/// <summary>One case of the set <c>ops</c> in one precision: its inputs as tensors, and the check of what was computed from them.</summary>
internal sealed class OpCase
{
    // Float32 gradients have no reference of their own: the float64 ones, and as much again of the allowed forward error as a
    // backward pass of the same length costs.
    private const double SingleGradientFactor = 20;

    private readonly GoldenCase _golden;
    private readonly Dictionary<string, Tensor> _inputs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor[]> _bound = new(StringComparer.Ordinal);

    internal OpCase(GoldenCase golden, GoldenPrecision precision)
    {
        _golden = golden;
        Type = precision == GoldenPrecision.F64 ? DType.Float64 : DType.Float32;
        foreach ((string name, GoldenValue value) in golden.Inputs)
        {
            if (!value.IsTensor) continue;
            Tensor tensor = ToTensor(value, Type);
            if (golden.Grads.ContainsKey(name)) tensor.RequireGrad();
            _inputs.Add(name, tensor);
        }
    }

    /// <summary>The type of the real inputs.</summary>
    internal DType Type { get; }

    internal GoldenAttrs Attrs => _golden.Attrs;

    internal IReadOnlyDictionary<string, GoldenValue> Values => _golden.Inputs;

    /// <summary>The names of the inputs, in alphabetical order.</summary>
    internal IEnumerable<string> Names => _inputs.Keys.Order(StringComparer.Ordinal);

    internal Tensor this[string name] => _inputs[name];

    internal Tensor X => _inputs["x"];

    /// <summary>Copies an input into parameters of a layer, one after the other along the first dimension; its gradient is then theirs.</summary>
    internal void Bind(string name, params Tensor[] parameters)
    {
        Tensor whole = _inputs[name].Detach(), source = parameters is [{ Rank: 1 } only] ? whole.Reshape(only.Shape) : whole;
        int at = 0;
        foreach (Tensor parameter in parameters)
        {
            parameter.Detach().CopyFrom(source.Narrow(0, at, parameter.Shape[0]));
            at += parameter.Shape[0];
        }
        Assert.Equal(source.Shape[0], at);
        _bound.Add(name, parameters);
    }

    private Tensor GradientOf(string name)
    {
        Tensor input = _inputs[name];
        if (!_bound.TryGetValue(name, out Tensor[]? parameters)) return Or0(input);
        return Tensor.Concat([.. parameters.Select(Or0)], 0).Reshape(input.Shape);

        static Tensor Or0(Tensor x) => x.Grad ?? Tensor.Zeros(x.Shape, x.DType);
    }

    internal Tensor? Optional(string name) => _inputs.GetValueOrDefault(name);

    internal Reduction Reduction => Attrs.StringOrNull("reduction") switch
    {
        null or "mean" => Reduction.Mean,
        "sum" => Reduction.Sum,
        "none" => Reduction.None,
        string other => throw new InvalidDataException($"{_golden}: reduction {other}."),
    };

    /// <summary>Compares every output, and every gradient where the case has them.</summary>
    internal void Check(IReadOnlyList<(string Name, Tensor Value)> outputs, double gradientTolerance = 0)
    {
        bool single = Type == DType.Float32;
        double tolerance = single ? _golden.ToleranceF32 : _golden.ToleranceF64;
        IReadOnlyDictionary<string, GoldenValue> expected = single ? _golden.OutputsF32 : _golden.Outputs;
        Dictionary<string, Tensor> computed = outputs.ToDictionary(o => o.Name, o => o.Value, StringComparer.Ordinal);
        foreach ((string name, GoldenValue value) in expected)
        {
            if (!computed.TryGetValue(name, out Tensor? tensor)) Assert.Fail($"{_golden}: the handler gives no output {name}.");
            Compare(value, tensor, tolerance, single ? "float32" : "");
        }
        if (_golden.Grads.Count == 0) return;

        Tensor? total = null;
        foreach ((string name, GoldenValue weight) in _golden.GradOutputs)
        {
            if (!computed[name].Tracks) continue;
            Tensor part = (computed[name] * ToTensor(weight, Type)).Sum();
            total = total is null ? part : total + part;
        }
        if (total is { Tracks: true }) total.Backward();
        foreach ((string name, GoldenValue value) in _golden.Grads)
        {
            Compare(value, GradientOf(name), Math.Max(gradientTolerance, single ? tolerance * SingleGradientFactor : tolerance), "gradient of " + name + (single ? " in float32" : ""));
        }
    }

    internal static Tensor ToTensor(GoldenValue value, DType real)
    {
        Shape shape = new(value.Shape);
        if (value.IsBoolean) return Tensor.From(value.Bools, shape);
        if (value.IsInteger) return Tensor.From(value.Ints, shape);
        return real == DType.Float64 ? Tensor.From(value.Doubles, shape) : Tensor.From(value.Singles, shape);
    }

    internal static void Compare(GoldenValue expected, Tensor actual, double tolerance, string what = "")
    {
        int[] shape = actual.Shape.ToArray();
        switch (actual.DType)
        {
            case DType.Float64: GoldenAssert.Close(expected, shape, actual.ToArray<double>(), tolerance, what); break;
            case DType.Float32: GoldenAssert.Close(expected, shape, actual.ToArray<float>(), tolerance, what); break;
            case DType.Int32: GoldenAssert.Equal(expected, shape, actual.ToArray<int>(), what); break;
            default: GoldenAssert.Equal(expected, shape, actual.ToArray<bool>(), what); break;
        }
    }
}

/// <summary>How handlers of tensor operations are added to the runner.</summary>
internal static class OpRunner
{
    /// <summary>An operation with the single output <c>out</c>.</summary>
    /// <param name="runner">The runner.</param>
    /// <param name="op">The operation.</param>
    /// <param name="compute">Computes it.</param>
    /// <param name="gradientTolerance">A larger one than the case's, where the reference's own gradient is less exact.</param>
    internal static void Op(this GoldenRunner runner, string op, Func<OpCase, Tensor> compute, double gradientTolerance = 0) =>
        runner.Ops(op, c => [("out", compute(c))], gradientTolerance);

    /// <summary>An operation with named outputs. Float32 runs where the case has float32 outputs.</summary>
    internal static void Ops(this GoldenRunner runner, string op, Func<OpCase, IReadOnlyList<(string, Tensor)>> compute, double gradientTolerance = 0) =>
        runner.Add(op, (golden, precision) =>
        {
            if (precision == GoldenPrecision.F32 && golden.OutputsF32.Count == 0) return;
            OpCase one = new(golden, precision);
            one.Check(compute(one), gradientTolerance);
        });

    /// <summary>An operation with the outputs <c>values</c> and <c>indices</c>.</summary>
    internal static void ValuesAndIndices(this GoldenRunner runner, string op, Func<OpCase, (Tensor Values, Tensor Indices)> compute) =>
        runner.Ops(op, c => compute(c) is var (values, indices) ? [("values", values), ("indices", indices)] : []);
}
