using System.Runtime.CompilerServices;
using Weft.Tensors.Kernels.Generated;

namespace Weft.Tensors.Kernels;

/// <summary>Products of small blocks that lie in a thread's scratch, in float32 or bfloat16, for kernels that use a block several times.</summary>
/// <remarks>
/// <para>A factor is first brought into one of three orders; every element is then 32 bits: a float32 or, where the processor multiplies
/// bfloat16, a pair of neighbours along the sum. So one description of a product serves both: <see cref="Steps"/> elements along the sum,
/// with strides in elements. Where bfloat16 is asked for and the processor cannot, factors are rounded and multiplied in float32.</para>
/// <para>Widths of B and C are multiples of <see cref="Lanes"/>: whole vectors are read and written.</para>
/// </remarks>
internal readonly unsafe struct BlockProducts
{
    /// <summary>What widths are multiples of: the longest vector.</summary>
    internal const int Lanes = 16;

    private readonly bool _pairs, _rounded, _generated;
    private readonly int _lanes;

    internal BlockProducts(Precision precision)
    {
        _pairs = precision == Precision.Bf16 && GeneratedTiles.Bfloat16;
        _rounded = precision == Precision.Bf16 && !_pairs;
        _generated = GeneratedTiles.Float32;
        _lanes = _pairs || _generated ? Lanes : Math.Max(4, (int)KernelTiers.Current / 32);
    }

    /// <summary>Whether factors become pairs, which cannot be the float32 block itself.</summary>
    internal bool Pairs => _pairs;

    /// <summary>Elements along a sum of so many terms.</summary>
    internal int Steps(int terms) => _pairs ? (terms + 1) / 2 : terms;

    /// <summary>The width of so many columns.</summary>
    internal static int Width(int columns) => (columns + Lanes - 1) / Lanes * Lanes;

    /// <summary>to[i, s]: row i of x along the sum. As A, with strides (width, 1).</summary>
    internal void ByRow(float* x, nint stride, int rows, int terms, float* to, int width)
    {
        if (_pairs) for (int i = 0; i < rows; i++) Bfloat16Packing.Row(x + i * stride, terms, (uint*)to + (nint)i * width);
        else Copy(x, stride, rows, terms, to, width);
    }

    /// <summary>to[s, j]: x is terms by columns; zeros up to the width. As B, or as A with strides (1, width).</summary>
    internal void ByTerm(float* x, nint stride, int terms, int columns, float* to, int width)
    {
        if (_pairs) for (int j = 0; j < width; j += 32) Bfloat16Packing.Pack(x + j, 1, stride, Math.Clamp(columns - j, 0, 32), terms, (uint*)to + j, Math.Min(32, width - j), width);
        else Copy(x, stride, terms, columns, to, width);
    }

    /// <summary>to[s, i]: row i of x along the sum, rows side by side; zeros up to the width. As B.</summary>
    internal void Transposed(float* x, nint stride, int rows, int terms, float* to, int width)
    {
        if (_pairs)
        {
            for (int i = 0; i < width; i += Lanes) Bfloat16Packing.Pack(x + i * stride, stride, 1, Math.Clamp(rows - i, 0, Lanes), terms, (uint*)to + i, Lanes, width);
            return;
        }
        MatrixPacking.Panel(x, 1, stride, terms, rows, to, width);
        if (_rounded) Bfloat16Rounding.Round(to, terms * width);
    }

    /// <summary>A block that a kernel has computed itself, as <see cref="ByTerm"/> and <see cref="ByRow"/> would leave it if nothing were to be copied.</summary>
    internal void InPlace(float* x, int count)
    {
        if (_rounded) Bfloat16Rounding.Round(x, count);
    }

    /// <summary>Whether tiles of <see cref="MatrixProduct.TileRows"/> rows call what is read next.</summary>
    internal bool CallsAhead => !_pairs && !_generated && _lanes == Lanes;

    /// <summary>Some rows of C: c[i, j] (+)= sum over s of a[i, s] b[s, j] for columns from (inclusive) to (exclusive), both multiples of <see cref="Lanes"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Rows(int rows, int from, int to, int steps, float* a, nint ar, nint ac, float* b, nint br, float* c, nint cr, bool accumulate, in Ahead ahead = default)
    {
        int panels = (to - from) / (2 * _lanes), last = from + 2 * _lanes * panels;
        if (panels > 0) Tiles(rows, narrow: false, panels, steps, a, ar, ac, b + from, br, c + from, cr, accumulate, ahead);
        if (last < to) Tiles(rows, narrow: true, 1, steps, a, ar, ac, b + last, br, c + last, cr, accumulate, default);
    }

    /// <summary>How many rows go together when so many are left.</summary>
    internal int NextRows(int left) => MatrixProduct.NextRows(left, _lanes, !_pairs && !_generated);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Tiles(int rows, bool narrow, int panels, int steps, float* a, nint ar, nint ac, float* b, nint br, float* c, nint cr, bool accumulate, in Ahead ahead)
    {
        if (!_pairs)
        {
            MatrixProduct.Tile(_generated, rows, narrow, steps, a, ar, ac, b, br, panels, 2 * _lanes, c, cr, null, accumulate, ahead);
            return;
        }
        TileCall call = new()
        {
            Depth = steps, A = a, RowStrideA = ar * sizeof(uint), DepthStrideA = ac * sizeof(uint), B = b, DepthStrideB = br * sizeof(uint), C = c, RowStrideC = cr * sizeof(float), Accumulate = accumulate ? 1 : 0,
            Panels = panels, PanelStride = 2 * Lanes * sizeof(float),
        };
        GeneratedTiles.Run(TileKind.Bfloat16, rows, narrow, ref call);
    }

    private void Copy(float* x, nint stride, int rows, int columns, float* to, int width)
    {
        MatrixPacking.Panel(x, stride, 1, rows, columns, to, width);
        if (_rounded) Bfloat16Rounding.Round(to, rows * width);
    }
}
