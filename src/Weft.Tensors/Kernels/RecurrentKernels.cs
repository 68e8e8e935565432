using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>All steps of a recurrent layer over a batch, and backward through time.</summary>
/// <remarks>
/// <para>A step is U h for all gates (<see cref="MatrixProduct"/>) and then one pass that adds the input's part, applies the gates and
/// writes the new state; formulas in <see cref="Recurrences"/>. Layout: input [T, B, G H], states [1 or 2, T, B, H], kept gates
/// [T, B, 4 H] (LSTM: i, f, g, o; GRU: r, z, n and U_n h + d_n) or, for the plain cells, a block [T, B, H] to work in. A lane is a column
/// of H; the last vector of a row is padded with zeros.</para>
/// <para>The weights come in panels of 32 columns, those of all gates of the same columns together. Some blocks of columns are multiplied
/// and then passed through their gates, forward at the same step, backward at the one before, so that threads meet once a step. Rows of
/// a batch do not meet, so a large batch is split over them once for all steps; a small one is split over blocks of columns at each
/// step, for each thread the same, whose weights then stay in its cache. Either way an element is the same chain of operations:
/// the same bits for any number of threads.</para>
/// </remarks>
internal static unsafe class RecurrentKernels
{
    private const int PanelWidth = 32;

    /// <summary>What every kernel here needs to know.</summary>
    internal readonly record struct Sizes(RecurrentCell Cell, int T, int B, int H, bool Reverse)
    {
        /// <summary>The floats per row and step in the block of gates.</summary>
        internal int GateWidth => Cell is RecurrentCell.Lstm or RecurrentCell.Gru ? 4 * H : H;

        // Rows of one piece: with fewer the products lose their speed, with more threads run out of pieces.
        internal int RowsPerPiece => B < 16 ? B : B < 32 ? 8 : 16;

        internal int Pieces => B < 16 ? 1 : (B + RowsPerPiece - 1) / RowsPerPiece;
    }

    private static int Blocks(int columns) => (columns + PanelWidth - 1) / PanelWidth;

    /// <summary>The floats that <see cref="Pack"/> writes for a matrix of so many rows and so many columns per gate.</summary>
    internal static int PackedCount(int rows, int columns, int gates) => Blocks(columns) * PanelWidth * gates * rows;

    /// <summary>A matrix [rows, gates · columns] in panels of 32 columns: panels[j / 32][gate][p][j % 32] = matrix[p rowStride + (gate columns + j) columnStride].</summary>
    internal static void Pack(ReadOnlySpan<float> matrix, int rows, int columns, int gates, int rowStride, int columnStride, Span<float> panels)
    {
        fixed (float* from = matrix, panelStart = panels)
        {
            float* to = panelStart;
            for (int j = 0; j < columns; j += PanelWidth)
                for (int k = 0; k < gates; k++, to += (nint)rows * PanelWidth)
                    MatrixPacking.Panel(from + ((nint)k * columns + j) * columnStride, rowStride, columnStride, rows, Math.Min(PanelWidth, columns - j), to, PanelWidth);
        }
    }

    /// <summary>Fills the states, and the gates where they are kept; otherwise gates is a block of one step. across is Uᵀ, packed gate by gate, or, where there is one step, U as it lies.</summary>
    internal static void Forward(in Sizes sizes, ReadOnlySpan<float> input, ReadOnlySpan<float> across, ReadOnlySpan<float> bias, ReadOnlySpan<float> h, ReadOnlySpan<float> c,
        ReadOnlySpan<int> lengths, Span<float> states, Span<float> gates, bool keepsGates)
    {
        if (states.IsEmpty) return;
        fixed (float* pInput = input, pWeight = across, pBias = bias, pH = h, pC = c, pStates = states, pGates = gates)
        fixed (int* pLengths = lengths)
        {
            Job job = new()
            {
                S = sizes, Input = pInput, Weight = pWeight, Packed = sizes.T > 1, Bias = bias.IsEmpty ? null : pBias, H0 = pH, C0 = pC,
                Lengths = lengths.IsEmpty ? null : pLengths, States = pStates, Gates = pGates, GateStep = keepsGates ? (nint)sizes.B * sizes.GateWidth : 0,
            };
            ForkJoin.Run(sizes.Pieces, 1, ref job);
        }
    }

    /// <summary>Fills the gradients of both products for all steps; weight is U, packed; dh and dc, zero before, become those of the first state.</summary>
    internal static void Backward(in Sizes sizes, ReadOnlySpan<float> weight, ReadOnlySpan<float> h, ReadOnlySpan<float> c, ReadOnlySpan<int> lengths, ReadOnlySpan<float> states, ReadOnlySpan<float> gates,
        ReadOnlySpan<float> gradient, Span<float> inputGates, Span<float> hiddenGates, Span<float> dh, Span<float> dc)
    {
        if (states.IsEmpty) return;
        fixed (float* pWeight = weight, pH = h, pC = c, pStates = states, pGates = gates, pGradient = gradient, pInputGates = inputGates, pHiddenGates = hiddenGates, pDh = dh, pDc = dc)
        fixed (int* pLengths = lengths)
        {
            Job job = new()
            {
                S = sizes, Weight = pWeight, Packed = true, H0 = pH, C0 = pC, Lengths = lengths.IsEmpty ? null : pLengths, States = pStates, Gates = pGates, GateStep = (nint)sizes.B * sizes.GateWidth,
                Gradient = pGradient, InputGates = pInputGates, HiddenGates = pHiddenGates, Dh = pDh, Dc = pDc,
            };
            ForkJoin.Run(sizes.Pieces, 1, ref job);
        }
    }

    // Blocks of columns of one step.
    private struct StepJob : IRangeJob
    {
        internal Job Job;
        internal int Step, Row, Rows;

        public readonly void Run(int start, int end)
        {
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            if (Job.Gradient is null) Job.Forward<TV>(Step, Row, Rows, start, end);
            else Job.Backward<TV>(Step, Row, Rows, start, end);
        }
    }

    private struct Job : IRangeJob
    {
        internal Sizes S;
        internal float* Input, Weight, Bias, H0, C0, States, Gates, Gradient, InputGates, HiddenGates, Dh, Dc;
        internal nint GateStep;
        internal bool Packed;
        internal int* Lengths;

        public readonly void Run(int start, int end)
        {
            bool whole = S.Pieces == 1;
            for (int piece = start; piece < end; piece++)
            {
                int row = piece * S.RowsPerPiece, rows = Math.Min(S.RowsPerPiece, S.B - row);
                // Backward begins one step behind the last, where there is nothing to multiply yet.
                for (int s = 0; s < (Gradient is null ? S.T : S.T + 1); s++)
                {
                    StepJob step = new() { Job = this, Step = Gradient is null ? s : S.T - s, Row = row, Rows = rows };
                    int blocks = Blocks(S.H);
                    if (whole) ForkJoin.Run(blocks, (blocks + ForkJoin.ThreadCount - 1) / ForkJoin.ThreadCount, ref step);
                    else step.Run(0, blocks);
                }
            }
        }

        // The states before step s, for the rows from row on.
        private readonly float* Before(float* first, float* states, int s, int row) =>
            s == 0 ? first + (nint)row * S.H : states + ((nint)Time(s - 1) * S.B + row) * S.H;

        private readonly int Time(int s) => S.Reverse ? S.T - 1 - s : s;

        internal readonly void Forward<TV>(int s, int row, int rows, int firstBlock, int endBlock) where TV : struct
        {
            int t = Time(s), H = S.H, B = S.B, count = S.Cell.GateCount(), width = count * H, from = firstBlock * PanelWidth, to = Math.Min(H, endBlock * PanelWidth);
            float* cells = States + (nint)S.T * B * H, before = Before(H0, States, s, row), cellBefore = C0 is null ? null : Before(C0, cells, s, row);
            float* gates = Gates + t * GateStep + (nint)row * S.GateWidth, input = Input + ((nint)t * B + row) * width;
            float* h = States + ((nint)t * B + row) * H, c = cells + ((nint)t * B + row) * H;
            for (int block = firstBlock; block < endBlock; block++)
            {
                int j = block * PanelWidth;
                for (int k = 0; k < count; k++)
                {
                    float* panel = Packed ? Weight + ((nint)block * count + k) * H * PanelWidth : Weight + ((nint)k * H + j) * H;
                    MatrixProduct.RunSerial(rows, Math.Min(PanelWidth, H - j), H, before, H, 1, panel, Packed ? PanelWidth : 1, Packed ? 1 : H, gates + k * H + j, S.GateWidth, false);
                }
            }
            for (int i = 0; i < rows; i++, before += H, cellBefore += H, gates += S.GateWidth, input += width, h += H, c += H)
            {
                if (Lengths is not null && t >= Lengths[row + i])
                {
                    new Span<float>(before + from, to - from).CopyTo(new Span<float>(h + from, to - from));
                    if (C0 is not null) new Span<float>(cellBefore + from, to - from).CopyTo(new Span<float>(c + from, to - from));
                    continue;
                }
                switch (S.Cell)
                {
                    case RecurrentCell.Lstm: Lstm<TV>(from, to, input, gates, cellBefore, h, c); break;
                    case RecurrentCell.Gru: Gru<TV>(from, to, input, gates, before, h); break;
                    default: Plain<TV>(from, to, input, gates, h); break;
                }
            }
        }

        // What step s sends through U, and then the gates of the step before it.
        internal readonly void Backward<TV>(int s, int row, int rows, int firstBlock, int endBlock) where TV : struct
        {
            int H = S.H, B = S.B, width = S.Cell.GateCount() * H, from = firstBlock * PanelWidth, to = Math.Min(H, endBlock * PanelWidth);
            float* dh = Dh + (nint)row * H, dc = Dc + (nint)row * H;
            // dh holds what does not pass through U; the rest is added.
            for (int block = firstBlock; block < endBlock && s < S.T; block++)
            {
                int j = block * PanelWidth;
                MatrixProduct.RunSerial(rows, Math.Min(PanelWidth, H - j), width, HiddenGates + ((nint)Time(s) * B + row) * width, width, 1, Weight + (nint)j * width, PanelWidth, 1, dh + j, H, true);
            }
            if (--s < 0) return;

            int t = Time(s);
            float* cells = States + (nint)S.T * B * H, before = Before(H0, States, s, row), cellBefore = C0 is null ? null : Before(C0, cells, s, row);
            nint at = (nint)t * B + row;
            float* gates = Gates + t * GateStep + (nint)row * S.GateWidth, hidden = HiddenGates + at * width, input = InputGates + at * width;
            float* dyh = Gradient + at * H, dyc = dyh + (nint)S.T * B * H, h = States + at * H, c = cells + at * H;
            for (int i = 0; i < rows; i++, before += H, cellBefore += H, gates += S.GateWidth, hidden += width, input += width, dyh += H, dyc += H, dh += H, dc += H, h += H, c += H)
            {
                if (Lengths is not null && t >= Lengths[row + i])
                {
                    for (int k = from; k < width; k += H)
                    {
                        new Span<float>(hidden + k, to - from).Clear();
                        new Span<float>(input + k, to - from).Clear();
                    }
                    for (int j = from; j < to; j++) dh[j] += dyh[j];
                    if (C0 is not null) for (int j = from; j < to; j++) dc[j] += dyc[j];
                    continue;
                }
                switch (S.Cell)
                {
                    case RecurrentCell.Lstm: LstmBack<TV>(from, to, gates, cellBefore, c, dyh, dyc, dh, dc, hidden); break;
                    case RecurrentCell.Gru: GruBack<TV>(from, to, gates, before, dyh, dh, hidden, input); break;
                    default: PlainBack<TV>(from, to, h, dyh, dh, hidden); break;
                }
            }
        }

        // What goes into gate k in the columns from j on: input + U h + d.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly TV Sum<TV>(float* input, float* gates, int k, int j, int left) where TV : struct
        {
            TV sum = Simd.Add(Simd.LoadPart<TV>(input + k * S.H + j, left), Simd.LoadPart<TV>(gates + k * S.H + j, left));
            return Bias is null ? sum : Simd.Add(sum, Simd.LoadPart<TV>(Bias + k * S.H + j, left));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Lstm<TV>(int from, int end, float* input, float* gates, float* before, float* h, float* c) where TV : struct
        {
            int H = S.H;
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV i = VectorMath.Sigmoid(Sum<TV>(input, gates, 0, j, left)), f = VectorMath.Sigmoid(Sum<TV>(input, gates, 1, j, left));
                TV g = VectorMath.Tanh(Sum<TV>(input, gates, 2, j, left)), o = VectorMath.Sigmoid(Sum<TV>(input, gates, 3, j, left));
                TV cell = Simd.MultiplyAdd(f, Simd.LoadPart<TV>(before + j, left), Simd.Multiply(i, g));
                Simd.StorePart(gates + j, i, left);
                Simd.StorePart(gates + H + j, f, left);
                Simd.StorePart(gates + 2 * H + j, g, left);
                Simd.StorePart(gates + 3 * H + j, o, left);
                Simd.StorePart(c + j, cell, left);
                Simd.StorePart(h + j, Simd.Multiply(o, VectorMath.Tanh(cell)), left);
            }
        }

        // do = dh tanh(c') o (1 - o),  dc' += dh o (1 - tanh²(c')),  di = dc' g i (1 - i),  df = dc' c f (1 - f),  dg = dc' i (1 - g²),  dc = dc' f
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void LstmBack<TV>(int from, int end, float* gates, float* before, float* c, float* dyh, float* dyc, float* dh, float* dc, float* to) where TV : struct
        {
            int H = S.H;
            TV one = Simd.Create<TV>(1f);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV i = Simd.LoadPart<TV>(gates + j, left), f = Simd.LoadPart<TV>(gates + H + j, left), g = Simd.LoadPart<TV>(gates + 2 * H + j, left), o = Simd.LoadPart<TV>(gates + 3 * H + j, left);
                TV tc = VectorMath.Tanh(Simd.LoadPart<TV>(c + j, left));
                TV dhj = Simd.Add(Simd.LoadPart<TV>(dyh + j, left), Simd.LoadPart<TV>(dh + j, left));
                TV dcj = Simd.Add(Simd.LoadPart<TV>(dyc + j, left), Simd.LoadPart<TV>(dc + j, left));
                dcj = Simd.MultiplyAdd(Simd.Multiply(dhj, o), Simd.Subtract(one, Simd.Multiply(tc, tc)), dcj);
                Simd.StorePart(to + j, Simd.Multiply(Simd.Multiply(dcj, g), Slope(i)), left);
                Simd.StorePart(to + H + j, Simd.Multiply(Simd.Multiply(dcj, Simd.LoadPart<TV>(before + j, left)), Slope(f)), left);
                Simd.StorePart(to + 2 * H + j, Simd.Multiply(Simd.Multiply(dcj, i), Simd.Subtract(one, Simd.Multiply(g, g))), left);
                Simd.StorePart(to + 3 * H + j, Simd.Multiply(Simd.Multiply(dhj, tc), Slope(o)), left);
                Simd.StorePart(dc + j, Simd.Multiply(dcj, f), left);
                Simd.StorePart(dh + j, default(TV), left);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Gru<TV>(int from, int end, float* input, float* gates, float* before, float* h) where TV : struct
        {
            int H = S.H;
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV r = VectorMath.Sigmoid(Sum<TV>(input, gates, 0, j, left)), z = VectorMath.Sigmoid(Sum<TV>(input, gates, 1, j, left));
                TV u = Simd.LoadPart<TV>(gates + 2 * H + j, left);
                if (Bias is not null) u = Simd.Add(u, Simd.LoadPart<TV>(Bias + 2 * H + j, left));
                TV n = VectorMath.Tanh(Simd.MultiplyAdd(r, u, Simd.LoadPart<TV>(input + 2 * H + j, left)));
                Simd.StorePart(gates + j, r, left);
                Simd.StorePart(gates + H + j, z, left);
                Simd.StorePart(gates + 2 * H + j, n, left);
                Simd.StorePart(gates + 3 * H + j, u, left);
                Simd.StorePart(h + j, Simd.MultiplyAdd(z, Simd.Subtract(Simd.LoadPart<TV>(before + j, left), n), n), left);
            }
        }

        // dn = dh (1 - z) (1 - n²),  dz = dh (h - n) z (1 - z),  dr = dn u r (1 - r),  du = dn r,  and z dh goes straight on
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void GruBack<TV>(int from, int end, float* gates, float* before, float* dyh, float* dh, float* hidden, float* input) where TV : struct
        {
            int H = S.H;
            TV one = Simd.Create<TV>(1f);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV r = Simd.LoadPart<TV>(gates + j, left), z = Simd.LoadPart<TV>(gates + H + j, left), n = Simd.LoadPart<TV>(gates + 2 * H + j, left), u = Simd.LoadPart<TV>(gates + 3 * H + j, left);
                TV dhj = Simd.Add(Simd.LoadPart<TV>(dyh + j, left), Simd.LoadPart<TV>(dh + j, left));
                TV dn = Simd.Multiply(Simd.Multiply(dhj, Simd.Subtract(one, z)), Simd.Subtract(one, Simd.Multiply(n, n)));
                TV dz = Simd.Multiply(Simd.Multiply(dhj, Simd.Subtract(Simd.LoadPart<TV>(before + j, left), n)), Slope(z));
                TV dr = Simd.Multiply(Simd.Multiply(dn, u), Slope(r));
                Simd.StorePart(input + j, dr, left);
                Simd.StorePart(hidden + j, dr, left);
                Simd.StorePart(input + H + j, dz, left);
                Simd.StorePart(hidden + H + j, dz, left);
                Simd.StorePart(input + 2 * H + j, dn, left);
                Simd.StorePart(hidden + 2 * H + j, Simd.Multiply(dn, r), left);
                Simd.StorePart(dh + j, Simd.Multiply(dhj, z), left);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Plain<TV>(int from, int end, float* input, float* gates, float* h) where TV : struct
        {
            bool relu = S.Cell == RecurrentCell.Relu;
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV x = Sum<TV>(input, gates, 0, j, left);
                Simd.StorePart(h + j, relu ? Simd.Max(x, default) : VectorMath.Tanh(x), left);
            }
        }

        // dx = dh (1 - h²), or dh where h > 0
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void PlainBack<TV>(int from, int end, float* h, float* dyh, float* dh, float* to) where TV : struct
        {
            bool relu = S.Cell == RecurrentCell.Relu;
            TV one = Simd.Create<TV>(1f);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV y = Simd.LoadPart<TV>(h + j, left), d = Simd.Add(Simd.LoadPart<TV>(dyh + j, left), Simd.LoadPart<TV>(dh + j, left));
                Simd.StorePart(to + j, relu ? Simd.SelectLess(default, y, d, default) : Simd.Multiply(d, Simd.Subtract(one, Simd.Multiply(y, y))), left);
                Simd.StorePart(dh + j, default(TV), left);
            }
        }

        // σ' = σ (1 - σ)
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TV Slope<TV>(TV s) where TV : struct => Simd.Multiply(s, Simd.Subtract(Simd.Create<TV>(1f), s));
    }
}
