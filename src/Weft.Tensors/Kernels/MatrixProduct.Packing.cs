using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <content>Which thread packs what of the factors: once for all pieces, once for each thread, or block by block.</content>
internal static unsafe partial class MatrixProduct
{
    // All panels of the Bs that several pieces read: [panel][k][width].
    private readonly struct PackJob(ProductJob a, ProductJob b) : IRangeJob
    {
        internal int ItemCount => a.PackCount + b.PackCount;

        public void Run(int start, int end)
        {
            for (int item = start; item < end; item++)
            {
                if (item < a.PackCount) a.PackShared(item);
                else b.PackShared(item - a.PackCount);
            }
        }
    }

    private partial struct ProductJob
    {
        // What is made once for all pieces is made in so many parts: some rows of each panel where rows are contiguous, else some panels; then some rows of A.
        internal readonly int PackCount => PanelParts + CopyParts;

        private readonly int PanelParts => Panels is null ? 0 : ((PacksRows ? _k : PanelCount) + PackStep - 1) / PackStep;

        private readonly int CopyParts => Copy is null ? 0 : (_m + CopyStep - 1) / CopyStep;

        private readonly int CopyStep => Math.Max(1, PackedAtOnce / _k);

        private readonly int PanelCount => (_n + _wide - 1) / _wide;

        private readonly bool PacksRows => _bc == 1 && !_rounded;

        private readonly int PackStep => PacksRows ? Math.Max(16, PackedAtOnce / _n / 16 * 16) : Math.Max(1, PackedAtOnce / (_wide * _k));

        internal readonly void PackShared(int part)
        {
            if (part >= PanelParts)
            {
                for (int i = (part - PanelParts) * CopyStep, end = Math.Min(_m, i + CopyStep); i < end; i++)
                    new ReadOnlySpan<float>(_a + i * _ar, _k).CopyTo(new Span<float>(Copy + (nint)i * (_k + SetStep), _k));
                return;
            }
            int from = part * PackStep, to = from + PackStep, edgeWidth = _n % _wide > _wide / 2 ? _wide : _wide / 2;
            if (PacksRows)
            {
                MatrixPacking.StraightPanels(_b, _br, from, Math.Min(_k, to), _k, _n, Panels, _wide, edgeWidth);
                return;
            }
            for (int column = from * _wide; column < Math.Min(_n, to * _wide); column += _wide)
                PackPanel(_b + column * _bc, _k, Math.Min(_wide, _n - column), Panels + (nint)column * _k, _n - column >= _wide ? _wide : edgeWidth);
        }

        // Panels as they would lie if there were those of all B: what all threads share, or this thread's own; null: every block packs its own.
        private readonly float* AllPanels(Scratch scratch, int firstColumn, int columns)
        {
            if (_own == 0) return Panels;
            if (_bands == 0) (firstColumn, columns) = (0, _n);
            if (scratch.Holds != (_own, firstColumn))
            {
                int edgeColumns = columns % _wide;
                PackColumns(_b + firstColumn * _bc, _k, columns, _wide, edgeColumns, edgeColumns > _wide / 2 ? _wide : _wide / 2, scratch.B);
                scratch.Holds = (_own, firstColumn);
            }
            return scratch.B - (nint)firstColumn * _k;
        }

        // A piece's own copy of what it reads of B, or only of the columns at the edge.
        private readonly void PackColumns(float* b, int depth, int columns, int wide, int edgeColumns, int edgeWidth, float* panels)
        {
            if (_packB && _bc == 1 && !_rounded)
                MatrixPacking.StraightPanels(b, _br, 0, depth, depth, columns, panels, wide, edgeWidth);
            else if (_packB)
                for (int j = 0; j < columns; j += wide) PackPanel(b + j * _bc, depth, Math.Min(wide, columns - j), panels + (nint)j * depth, columns - j >= wide ? wide : edgeWidth);
            else if (edgeColumns > 0)
                MatrixPacking.Panel(b + (columns - edgeColumns), _br, 1, depth, edgeColumns, panels, edgeWidth);
        }

        private readonly void PackPanel(float* b, int depth, int columns, float* panel, int width)
        {
            MatrixPacking.Panel(b, _br, _bc, depth, columns, panel, width);
            if (_rounded) Bfloat16Rounding.Round(panel, depth * width);
        }

        // A tile of A, in rows RowStride apart or, where A is transposed, in steps of all rows.
        private readonly void PackRows(float* a, int rows, int depth, float* tile)
        {
            MatrixPacking.Rows(a, _ar, _ac, rows, depth, tile);
            if (!_rounded) return;
            if (_ac != 1) Bfloat16Rounding.Round(tile, depth * rows);
            else for (int i = 0; i < rows; i++) Bfloat16Rounding.Round(tile + (nint)i * MatrixPacking.RowStride, depth);
        }
    }
}
