using System.Text.Json;
using Weft.Models.Families;
using Weft.Tensors;

namespace Weft.Golden.Tests.Models;

/// <summary>What the handlers of model cases share: inputs as tensors, comparisons, gradients by the names of the checkpoint.</summary>
internal static class ModelCase
{
    /// <summary>The family of the case's checkpoint.</summary>
    internal static string ModelType(GoldenCase golden) =>
        golden.Root.TryGetProperty("checkpoint", out JsonElement checkpoint) && checkpoint.TryGetProperty("model_type", out JsonElement type) ? type.GetString()! : "";

    internal static DType Type(GoldenPrecision precision) => precision == GoldenPrecision.F64 ? DType.Float64 : DType.Float32;

    internal static double Tolerance(GoldenCase golden, GoldenPrecision precision) => precision == GoldenPrecision.F64 ? golden.ToleranceF64 : golden.ToleranceF32;

    internal static Tensor Ids(GoldenValue value) => Tensor.From(value.Ints, new Shape(value.Shape));

    internal static Tensor? Mask(GoldenCase golden, string name) =>
        golden.Inputs.TryGetValue(name, out GoldenValue? value) && value.Json.ValueKind != JsonValueKind.Null ? Tensor.From(Array.ConvertAll(value.Ints, static m => m != 0), new Shape(value.Shape)) : null;

    internal static Tensor Labels(GoldenValue value, GoldenPrecision precision) =>
        value.IsFloating ? Tensor.From(value.Doubles, new Shape(value.Shape)).To(Type(precision)) : Ids(value);

    internal static void Close(GoldenValue expected, Tensor actual, double tolerance, string what) =>
        GoldenAssert.Close(expected, actual.Shape.AsSpan(), actual.Detach().To(DType.Float64).ToArray<double>(), tolerance, what);

    /// <summary>Norm and sum of every gradient, and the few that are stored whole.</summary>
    internal static void Gradients(GoldenCase golden, IEnumerable<Tensor> parameters, IEnumerable<WeightMapping> mappings, GoldenPrecision precision)
    {
        double tolerance = Tolerance(golden, precision);
        Dictionary<string, Tensor> byName = parameters.ToDictionary(static p => p.Name!), gradients = [];
        foreach (WeightMapping mapping in mappings)
        {
            if (mapping.Parameter is null) continue;
            Tensor parameter = byName[mapping.Parameter];
            Tensor gradient = parameter.Grad ?? Tensor.Zeros(parameter.Shape, Type(precision));
            gradients[mapping.Checkpoint] = mapping.ToStored(gradient);
        }
        // Norms are relative to their size; a sum of many entries carries the rounding of each. A tensor that the model does not use has no gradient.
        foreach (JsonProperty property in golden.Outputs["grad_norm_sum"].Json.EnumerateObject())
        {
            Tensor gradient = gradients.GetValueOrDefault(property.Name) ?? Tensor.Zeros([1], Type(precision));
            double norm = property.Value[0].GetDouble(), sum = property.Value[1].GetDouble();
            GoldenAssert.Close([norm, sum], [Math.Sqrt(gradient.Square().Sum().Item()), gradient.Sum().Item()], tolerance * Math.Max(1, Math.Sqrt(gradient.Count)), $"{golden} gradient of {property.Name}");
        }
        foreach ((string name, GoldenValue expected) in golden.Grads) Close(expected, gradients[name], tolerance, $"gradient of {name}");
    }
}
