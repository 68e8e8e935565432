using System.Text.Json;
using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class ProductHandlers
{
    internal static void Add(GoldenRunner runner)
    {
        Products(runner);
        Tables(runner);
        LinearAlgebra(runner);
        runner.Op("cosine_similarity", c => c.X.CosineSimilarity(c["y"], c.Attrs.Int("dim"), c.Attrs.Double("eps")));
        runner.Op("pairwise_distance", c => c.X.PairwiseDistance(c["y"], c.Attrs.Double("p"), c.Attrs.Double("eps"), c.Attrs.Bool("keepdim")));
        runner.Op("cdist", c => c.X.DistanceMatrix(c["y"], c.Attrs.Double("p")));
        runner.Op("normalize", c => c.X.Normalize(c.Attrs.Double("p"), c.Attrs.Int("dim"), c.Attrs.Double("eps")));
    }

    private static void Products(GoldenRunner runner)
    {
        runner.Op("matmul", c => c.X.MatMul(c["y"]));
        runner.Op("bmm", c => c.X.MatMul(c["y"]));
        runner.Op("einsum", c => Tensor.Einsum(c.Attrs.String("equation"), [.. c.Names.Select(n => c[n])]));
        runner.Op("outer", c => c.X.Outer(c["y"]));
        runner.Op("dot", c => c.X.Dot(c["y"]));
        runner.Op("addmm", c => c.X * c.Attrs.Double("beta") + c["a"].MatMul(c["b"]) * c.Attrs.Double("alpha"));
        runner.Op("baddbmm", c => c.X * c.Attrs.Double("beta") + c["a"].MatMul(c["b"]) * c.Attrs.Double("alpha"));
        runner.Op("tensordot", c =>
        {
            JsonElement dims = c.Attrs.Json("dims");
            if (dims.ValueKind == JsonValueKind.Array) return c.X.TensorDot(c["y"], Ints(dims[0]), Ints(dims[1]));
            int count = dims.GetInt32(), rank = c.X.Rank; // the last ones of x with the first ones of y
            return c.X.TensorDot(c["y"], [.. Enumerable.Range(rank - count, count)], [.. Enumerable.Range(0, count)]);
        });
        runner.Op("kron", c => c.X.Kronecker(c["y"]));
        runner.Op("linear", c => c.X.Linear(c["weight"], c.Optional("bias")));
        runner.Op("bilinear", c => c.X.Bilinear(c["y"], c["weight"], c.Optional("bias")));
    }

    private static void Tables(GoldenRunner runner)
    {
        runner.Op("embedding", c => c["weight"].Embedding(c["index"], c.Attrs.IntOrNull("padding_idx")));
        runner.Ops("embedding_max_norm", c =>
        {
            Tensor weight = c["weight"];
            EmbeddingBags.LimitRowNorms(weight, c["index"], c.Attrs.Double("max_norm"), c.Attrs.Double("norm_type"));
            return [("out", weight.Embedding(c["index"])), ("weight_after", weight)];
        });
        runner.Op("embedding_bag", c => c["weight"].EmbeddingBag(c["index"], c.Optional("offsets"), c.Attrs.String("mode") switch
        {
            "sum" => BagMode.Sum,
            "max" => BagMode.Max,
            _ => BagMode.Mean,
        }, c.Optional("per_sample_weights"), c.Attrs.IntOrNull("padding_idx"), c.Attrs.BoolOrNull("include_last_offset") ?? false));
    }

    private static void LinearAlgebra(GoldenRunner runner)
    {
        runner.Op("inverse", c => c.X.Inverse());
        runner.Op("solve", c => c.X.Solve(c["y"]));
        runner.Op("cholesky", c => (c.X.MatMul(c.X.Transpose()) + Tensor.Identity(c.X.Shape[^2], c.Type)).Cholesky());
        runner.Op("det", c => c.X.Determinant());
        runner.Op("slogdet_abs", c => c.X.LogAbsoluteDeterminant());
        runner.Op("trace", c => c.X.Trace());
        runner.Op("singular_values", c => c.X.SingularValues());
        runner.Op("symmetric_eigenvalues", c => c.X.MatMul(c.X.Transpose()).SymmetricEigen().Values);
    }

    private static int[] Ints(JsonElement list) => [.. list.EnumerateArray().Select(v => v.GetInt32())];
}
