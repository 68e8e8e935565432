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
        // Not before they are used: a long context makes long tables.
        _cos = Tensor.Deferred([contextLength, headSize / 2], dtype);
        _sin = Tensor.Deferred([contextLength, headSize / 2], dtype);
        _cos.FillOnFirstUse(table => Fill(table, rotaryBase, Math.Cos));
        _sin.FillOnFirstUse(table => Fill(table, rotaryBase, Math.Sin));
    }

    private static void Fill(Tensor table, double rotaryBase, Func<double, double> function)
    {
        int half = table.Shape[1];
        for (int i = 0; i < half; i++)
        {
            double frequency = Math.Pow(rotaryBase, -2.0 * i / (2 * half));
            for (int t = 0; t < table.Shape[0]; t++)
            {
                double value = function(t * frequency);
                if (table.DType == DType.Float32) table.AsSpan<float>()[t * half + i] = (float)value;
                else table.AsSpan<double>()[t * half + i] = value;
            }
        }
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
