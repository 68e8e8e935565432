using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Decoder;

/// <summary>Turns pairs of a head's elements by an angle proportional to the token's position.</summary>
/// <remarks>
/// Element i is paired with i + R/2, where R is the number of elements that turn; the angle is position · base^(-2i/R) (Su et al.
/// 2021, arXiv:2104.09864, eq. 34, in the half-split order that GPT-NeoX and Llama use). Where a stretching depends on the length of
/// the text, all tokens of one call turn by the angles of the text's length after that call, as in transformers.
/// </remarks>
public sealed class RotaryPositions
{
    private readonly int _size, _contextLength;
    private readonly double _base;
    private readonly bool _interleaved;
    private readonly RotaryScaling? _scaling;
    private readonly DType _dtype;
    private const int FirstRows = 256;
    private Table? _table; // made when it is first used; replaced whole, so that readers on other threads see the old or the new one

    /// <summary>Angles in double precision, as far as texts reach: a long context would make a long table. Shapes: cos and sin [rows, R/2].</summary>
    /// <param name="contextLength">How many positions there are.</param>
    /// <param name="size">R: how many elements of a head turn, even; the rest pass through.</param>
    /// <param name="rotaryBase">The base of the angles.</param>
    /// <param name="dtype">The element type.</param>
    /// <param name="interleaved">Whether elements 2i and 2i + 1 form a pair.</param>
    /// <param name="scaling">How the angles are stretched; null leaves them.</param>
    public RotaryPositions(int contextLength, int size, double rotaryBase, DType dtype = DType.Float32, bool interleaved = false, RotaryScaling? scaling = null)
    {
        (_contextLength, _size, _base, _dtype, _interleaved, _scaling) = (contextLength, size, rotaryBase, dtype, interleaved, scaling);
    }

    /// <summary>Turns queries or keys. Shapes: x [B, T, H, D] -> [B, T, H, D].</summary>
    /// <param name="x">Queries or keys.</param>
    /// <param name="first">The position of the first token, where <paramref name="positions"/> is null.</param>
    /// <param name="positions">The position of every token, [B, T], or null.</param>
    internal Tensor Apply(Tensor x, int first, Tensor? positions)
    {
        int T = x.Shape[1], D = x.Shape[3];
        Table table = _scaling is { Kind: RotaryScalingKind.Dynamic or RotaryScalingKind.LongRope } ? Suited(first + T, positions) : Reaching(positions is null ? first + T : _contextLength);
        Tensor cos = positions is null ? table.Cos.Narrow(0, first, T) : table.Cos.Embedding(positions);   // [T, R/2] or [B, T, R/2]
        Tensor sin = positions is null ? table.Sin.Narrow(0, first, T) : table.Sin.Embedding(positions);
        if (_interleaved) return x.RotaryInterleaved(cos, sin);
        return _size == D ? x.Rotary(cos, sin) : Tensor.Concat([x.Narrow(3, 0, _size).Rotary(cos, sin), x.Narrow(3, _size, D - _size)], 3);
    }

    // The table of a text of this length; it at least doubles, so that a growing text is not computed anew at each token.
    private Table Reaching(int length)
    {
        Table? table = _table;
        int rows = table?.Cos.Shape[0] ?? 0;
        return table is not null && length <= rows ? table : _table = Compute(Math.Max(length, Math.Min(_contextLength, Math.Max(FirstRows, 2 * rows))), tokenCount: 1);
    }

    // The table whose angles belong to a text of this length.
    private Table Suited(int length, Tensor? positions)
    {
        if (positions is not null)
        {
            length = 0;
            foreach (int position in positions.ToArray<int>()) length = Math.Max(length, position + 1);
        }
        Table table = _table ??= Compute(_contextLength, tokenCount: 1);
        bool same = _scaling!.Kind == RotaryScalingKind.LongRope
            ? length > (_scaling.OriginalContext ?? _contextLength) == table.TokenCount > (_scaling.OriginalContext ?? _contextLength)
            : Math.Max(length, _contextLength) == Math.Max(table.TokenCount, _contextLength);
        return same ? table : _table = Compute(Math.Max(length, _contextLength), length);
    }

    private Table Compute(int rows, int tokenCount)
    {
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        RotaryFrequencies frequencies = _scaling?.Frequencies(_size, _base, _contextLength, tokenCount) ?? RotaryFrequencies.Plain(_size, _base);
        Tensor cos = Tensor.Uninitialized([rows, _size / 2], _dtype), sin = Tensor.Uninitialized([rows, _size / 2], _dtype);
        Fill(cos, frequencies, Math.Cos);
        Fill(sin, frequencies, Math.Sin);
        return new Table(cos, sin, tokenCount);
    }

    private static void Fill(Tensor table, RotaryFrequencies frequencies, Func<double, double> function)
    {
        int half = table.Shape[1];
        for (int t = 0; t < table.Shape[0]; t++)
        {
            for (int i = 0; i < half; i++)
            {
                double value = function(t * frequencies.InverseFrequencies[i]) * frequencies.AttentionFactor;
                if (table.DType == DType.Float32) table.AsSpan<float>()[t * half + i] = (float)value;
                else table.AsSpan<double>()[t * half + i] = value;
            }
        }
    }

    private sealed record Table(Tensor Cos, Tensor Sin, int TokenCount);
}
