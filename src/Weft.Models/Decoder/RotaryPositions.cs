using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Turns pairs of a head's elements by an angle proportional to the token's position.</summary>
/// <remarks>
/// Element i is paired with i + D/2; the angle is position · base^(-2i/D) (Su et al. 2021, arXiv:2104.09864, eq. 34, in the
/// half-split order that GPT-NeoX and Llama use).
/// </remarks>
public sealed class RotaryPositions
{
    private readonly Tensor _cos, _sin;

    /// <summary>Computes the table of angles in double precision. Shapes: cos and sin [ContextLength, D/2].</summary>
    public RotaryPositions(int contextLength, int headSize, double rotaryBase, DType dtype = DType.Float32)
    {
        int half = headSize / 2;
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        double[] cos = new double[contextLength * half], sin = new double[contextLength * half];
        for (int t = 0; t < contextLength; t++)
        {
            for (int i = 0; i < half; i++)
            {
                double angle = t * Math.Pow(rotaryBase, -2.0 * i / headSize);
                (cos[t * half + i], sin[t * half + i]) = (Math.Cos(angle), Math.Sin(angle));
            }
        }
        _cos = Tensor.From(cos, [contextLength, half]).To(dtype);
        _sin = Tensor.From(sin, [contextLength, half]).To(dtype);
    }

    /// <summary>Turns queries or keys. Shapes: x [B, T, H, D] -> [B, T, H, D].</summary>
    /// <param name="x">Queries or keys.</param>
    /// <param name="first">The position of the first token, where <paramref name="positions"/> is null.</param>
    /// <param name="positions">The position of every token, [B, T], or null.</param>
    internal Tensor Apply(Tensor x, int first, Tensor? positions)
    {
        int T = x.Shape[1];
        if (positions is null) return x.Rotary(_cos.Narrow(0, first, T), _sin.Narrow(0, first, T));
        return x.Rotary(_cos.Embedding(positions), _sin.Embedding(positions)); // tables [B, T, D/2]
    }
}
