namespace Weft.Tensors;

/// <summary>Rotary position embedding in the order of GPT-J: neighbouring elements form a pair.</summary>
public static class RotaryInterleavedOps
{
    /// <summary>Turns pairs of elements 2i and 2i + 1 by the angles of a table; elements beyond the table's 2R pass through.</summary>
    /// <remarks>y1 = x1 cos - x2 sin, y2 = x2 cos + x1 sin (Su et al. 2021, arXiv:2104.09864, eq. 34).
    /// Shapes: x [B, T, H, D]; cos and sin [T, R] or [B, T, R] with 2R ≤ D -> [B, T, H, D].</remarks>
    /// <exception cref="ArgumentException">The tables do not fit.</exception>
    public static Tensor RotaryInterleaved(this Tensor x, Tensor cos, Tensor sin)
    {
        if (x.Rank != 4 || cos.Rank < 2 || cos.Shape != sin.Shape || 2 * cos.Shape[^1] > x.Shape[3] || cos.Shape[^2] != x.Shape[1])
            throw new ArgumentException($"RotaryInterleaved: tables {cos.Shape} and {sin.Shape} do not fit {x.Shape}.");
        int B = x.Shape[0], T = x.Shape[1], H = x.Shape[2], D = x.Shape[3], R = cos.Shape[^1];
        (cos, sin) = (cos.Unsqueeze(-2), sin.Unsqueeze(-2));                         // [.., T, 1, R]
        Tensor a = x.Narrow(3, 0, R, 2), b = R == 0 ? a : x.Narrow(3, 1, R, 2);      // [B, T, H, R]
        Tensor turned = Tensor.Stack([a * cos - b * sin, b * cos + a * sin], 4).Reshape(B, T, H, 2 * R);
        return 2 * R == D ? turned : Tensor.Concat([turned, x.Narrow(3, 2 * R, D - 2 * R)], 3);
    }
}
