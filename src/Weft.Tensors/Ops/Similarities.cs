namespace Weft.Tensors;

/// <summary>Distances and angles between vectors, which lie along one dimension.</summary>
public static class Similarities
{
    /// <summary>x · y / (max(|x|, eps) max(|y|, eps)). Shapes: x and y broadcast -> without the dimension.</summary>
    public static Tensor CosineSimilarity(this Tensor x, Tensor y, int dimension = -1, double eps = 1e-8)
    {
        Elementwise.RequireSameType(x, y, nameof(CosineSimilarity));
        Shape shape = Shape.Broadcast(x.Shape, y.Shape, nameof(CosineSimilarity));
        int d = shape.Dimension(dimension, nameof(CosineSimilarity));
        x = x.Expand(shape);
        y = y.Expand(shape);
        return (x / Length(x, d, eps) * (y / Length(y, d, eps))).Sum(d);
    }

    /// <summary>|x - y + eps| by a p-norm over the last dimension. Shapes: x and y broadcast [.., C] -> [..].</summary>
    public static Tensor PairwiseDistance(this Tensor x, Tensor y, double p = 2, double eps = 1e-6, bool keepDimension = false) =>
        (Elementwise.Fitting(x, y, nameof(PairwiseDistance)) - y + eps).Norm(p, keepDimension, -1);

    /// <summary>The p-norm distance of every row of x to every row of y. Shapes: x [.., N, C], y [.., M, C] -> [.., N, M].</summary>
    public static Tensor DistanceMatrix(this Tensor x, Tensor y, double p = 2)
    {
        Elementwise.RequireSameType(x, y, nameof(DistanceMatrix));
        if (x.Rank < 2 || y.Rank < 2 || x.Shape[^1] != y.Shape[^1]) throw new ArgumentException($"DistanceMatrix: {x.Shape} and {y.Shape} do not hold rows of one length.");
        return (x.Unsqueeze(-2) - y.Unsqueeze(-3)).Norm(p, keepDimensions: false, -1);
    }

    /// <summary>x / max(|x|, eps) by a p-norm over a dimension. Shapes: x -> alike.</summary>
    public static Tensor Normalize(this Tensor x, double p = 2, int dimension = -1, double eps = 1e-12) => x / x.Norm(p, keepDimensions: true, dimension).Clamp(eps);

    private static Tensor Length(Tensor x, int d, double eps) => x.Norm(2, keepDimensions: true, d).Clamp(eps);
}
