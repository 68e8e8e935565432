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

    // How lanes are read and written: whole vectors, or the first of the last vector of a row. A loop that may meet either keeps its
    // vectors in memory.
    private interface ILanes
    {
        static abstract TV Load<TV>(float* p, int left) where TV : struct;

        static abstract void Store<TV>(float* p, TV v, int left) where TV : struct;
    }

    private readonly struct Whole : ILanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static TV Load<TV>(float* p, int left) where TV : struct => Simd.Load<TV>(p);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Store<TV>(float* p, TV v, int left) where TV : struct => Simd.Store(p, v);
    }

    private readonly struct Part : ILanes
    {
        public static TV Load<TV>(float* p, int left) where TV : struct => Simd.LoadPart<TV>(p, left);

        public static void Store<TV>(float* p, TV v, int left) where TV : struct => Simd.StorePart(p, v, left);
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
            int t = Time(s), H = S.H, B = S.B, count = S.Cell.GateCount(), width = count * H, from = firstBlock * PanelWidth, to = Math.Min(H, endBlock * PanelWidth), whole = from + (to - from) / Simd.Count<TV>() * Simd.Count<TV>();
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
                    case RecurrentCell.Lstm:
                        Lstm<TV, Whole>(from, whole, input, gates, cellBefore, h, c);
                        if (whole < to) Lstm<TV, Part>(whole, to, input, gates, cellBefore, h, c);
                        break;
                    case RecurrentCell.Gru:
                        Gru<TV, Whole>(from, whole, input, gates, before, h);
                        if (whole < to) Gru<TV, Part>(whole, to, input, gates, before, h);
                        break;
                    default:
                        Plain<TV, Whole>(from, whole, input, gates, h);
                        if (whole < to) Plain<TV, Part>(whole, to, input, gates, h);
                        break;
                }
            }
        }

        // What step s sends through U, and then the gates of the step before it.
        internal readonly void Backward<TV>(int s, int row, int rows, int firstBlock, int endBlock) where TV : struct
        {
            int H = S.H, B = S.B, width = S.Cell.GateCount() * H, from = firstBlock * PanelWidth, to = Math.Min(H, endBlock * PanelWidth), whole = from + (to - from) / Simd.Count<TV>() * Simd.Count<TV>();
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
                    case RecurrentCell.Lstm:
                        LstmBack<TV, Whole>(from, whole, gates, cellBefore, c, dyh, dyc, dh, dc, hidden);
                        if (whole < to) LstmBack<TV, Part>(whole, to, gates, cellBefore, c, dyh, dyc, dh, dc, hidden);
                        break;
                    case RecurrentCell.Gru:
                        GruBack<TV, Whole>(from, whole, gates, before, dyh, dh, hidden, input);
                        if (whole < to) GruBack<TV, Part>(whole, to, gates, before, dyh, dh, hidden, input);
                        break;
                    default:
                        PlainBack<TV, Whole>(from, whole, h, dyh, dh, hidden);
                        if (whole < to) PlainBack<TV, Part>(whole, to, h, dyh, dh, hidden);
                        break;
                }
            }
        }

        // What goes into gate k in the columns from j on: input + U h + d.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly TV Sum<TV, TLanes>(float* input, float* gates, int k, int j, int left) where TV : struct where TLanes : ILanes
        {
            TV sum = Simd.Add(TLanes.Load<TV>(input + k * S.H + j, left), TLanes.Load<TV>(gates + k * S.H + j, left));
            return Bias is null ? sum : Simd.Add(sum, TLanes.Load<TV>(Bias + k * S.H + j, left));
        }

        // Gate k, in place of what U gave it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Gate<TV, TLanes>(int k, bool tanh, int from, int end, float* input, float* gates) where TV : struct where TLanes : ILanes
        {
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                TV x = Sum<TV, TLanes>(input, gates, k, j, end - j);
                TLanes.Store(gates + k * S.H + j, tanh ? VectorMath.Tanh(x) : VectorMath.Sigmoid(x), end - j);
            }
        }

        // One loop a gate: the compiler inlines only so much into one method.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Lstm<TV, TLanes>(int from, int end, float* input, float* gates, float* before, float* h, float* c) where TV : struct where TLanes : ILanes
        {
            int H = S.H;
            for (int k = 0; k < 4; k++) Gate<TV, TLanes>(k, k == 2, from, end, input, gates);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV i = TLanes.Load<TV>(gates + j, left), f = TLanes.Load<TV>(gates + H + j, left), g = TLanes.Load<TV>(gates + 2 * H + j, left);
                TV cell = Simd.MultiplyAdd(f, TLanes.Load<TV>(before + j, left), Simd.Multiply(i, g));
                TLanes.Store(c + j, cell, left);
                TLanes.Store(h + j, Simd.Multiply(TLanes.Load<TV>(gates + 3 * H + j, left), VectorMath.Tanh(cell)), left);
            }
        }

        // do = dh tanh(c') o (1 - o),  dc' += dh o (1 - tanh²(c')),  di = dc' g i (1 - i),  df = dc' c f (1 - f),  dg = dc' i (1 - g²),  dc = dc' f
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void LstmBack<TV, TLanes>(int from, int end, float* gates, float* before, float* c, float* dyh, float* dyc, float* dh, float* dc, float* to) where TV : struct where TLanes : ILanes
        {
            int H = S.H;
            TV one = Simd.Create<TV>(1f);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV i = TLanes.Load<TV>(gates + j, left), f = TLanes.Load<TV>(gates + H + j, left), g = TLanes.Load<TV>(gates + 2 * H + j, left), o = TLanes.Load<TV>(gates + 3 * H + j, left);
                TV tc = VectorMath.Tanh(TLanes.Load<TV>(c + j, left));
                TV dhj = Simd.Add(TLanes.Load<TV>(dyh + j, left), TLanes.Load<TV>(dh + j, left));
                TV dcj = Simd.Add(TLanes.Load<TV>(dyc + j, left), TLanes.Load<TV>(dc + j, left));
                dcj = Simd.MultiplyAdd(Simd.Multiply(dhj, o), Simd.Subtract(one, Simd.Multiply(tc, tc)), dcj);
                TLanes.Store(to + j, Simd.Multiply(Simd.Multiply(dcj, g), Slope(i)), left);
                TLanes.Store(to + H + j, Simd.Multiply(Simd.Multiply(dcj, TLanes.Load<TV>(before + j, left)), Slope(f)), left);
                TLanes.Store(to + 2 * H + j, Simd.Multiply(Simd.Multiply(dcj, i), Simd.Subtract(one, Simd.Multiply(g, g))), left);
                TLanes.Store(to + 3 * H + j, Simd.Multiply(Simd.Multiply(dhj, tc), Slope(o)), left);
                TLanes.Store(dc + j, Simd.Multiply(dcj, f), left);
                TLanes.Store(dh + j, default(TV), left);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Gru<TV, TLanes>(int from, int end, float* input, float* gates, float* before, float* h) where TV : struct where TLanes : ILanes
        {
            int H = S.H;
            Gate<TV, TLanes>(0, false, from, end, input, gates);
            Gate<TV, TLanes>(1, false, from, end, input, gates);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV r = TLanes.Load<TV>(gates + j, left), z = TLanes.Load<TV>(gates + H + j, left), u = TLanes.Load<TV>(gates + 2 * H + j, left);
                if (Bias is not null) u = Simd.Add(u, TLanes.Load<TV>(Bias + 2 * H + j, left));
                TV n = VectorMath.Tanh(Simd.MultiplyAdd(r, u, TLanes.Load<TV>(input + 2 * H + j, left)));
                TLanes.Store(gates + 2 * H + j, n, left);
                TLanes.Store(gates + 3 * H + j, u, left);
                TLanes.Store(h + j, Simd.MultiplyAdd(z, Simd.Subtract(TLanes.Load<TV>(before + j, left), n), n), left);
            }
        }

        // dn = dh (1 - z) (1 - n²),  dz = dh (h - n) z (1 - z),  dr = dn u r (1 - r),  du = dn r,  and z dh goes straight on
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void GruBack<TV, TLanes>(int from, int end, float* gates, float* before, float* dyh, float* dh, float* hidden, float* input) where TV : struct where TLanes : ILanes
        {
            int H = S.H;
            TV one = Simd.Create<TV>(1f);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV r = TLanes.Load<TV>(gates + j, left), z = TLanes.Load<TV>(gates + H + j, left), n = TLanes.Load<TV>(gates + 2 * H + j, left), u = TLanes.Load<TV>(gates + 3 * H + j, left);
                TV dhj = Simd.Add(TLanes.Load<TV>(dyh + j, left), TLanes.Load<TV>(dh + j, left));
                TV dn = Simd.Multiply(Simd.Multiply(dhj, Simd.Subtract(one, z)), Simd.Subtract(one, Simd.Multiply(n, n)));
                TV dz = Simd.Multiply(Simd.Multiply(dhj, Simd.Subtract(TLanes.Load<TV>(before + j, left), n)), Slope(z));
                TV dr = Simd.Multiply(Simd.Multiply(dn, u), Slope(r));
                TLanes.Store(input + j, dr, left);
                TLanes.Store(hidden + j, dr, left);
                TLanes.Store(input + H + j, dz, left);
                TLanes.Store(hidden + H + j, dz, left);
                TLanes.Store(input + 2 * H + j, dn, left);
                TLanes.Store(hidden + 2 * H + j, Simd.Multiply(dn, r), left);
                TLanes.Store(dh + j, Simd.Multiply(dhj, z), left);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Plain<TV, TLanes>(int from, int end, float* input, float* gates, float* h) where TV : struct where TLanes : ILanes
        {
            bool relu = S.Cell == RecurrentCell.Relu;
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV x = Sum<TV, TLanes>(input, gates, 0, j, left);
                TLanes.Store(h + j, relu ? Simd.Max(x, default) : VectorMath.Tanh(x), left);
            }
        }

        // dx = dh (1 - h²), or dh where h > 0
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void PlainBack<TV, TLanes>(int from, int end, float* h, float* dyh, float* dh, float* to) where TV : struct where TLanes : ILanes
        {
            bool relu = S.Cell == RecurrentCell.Relu;
            TV one = Simd.Create<TV>(1f);
            for (int j = from; j < end; j += Simd.Count<TV>())
            {
                int left = end - j;
                TV y = TLanes.Load<TV>(h + j, left), d = Simd.Add(TLanes.Load<TV>(dyh + j, left), TLanes.Load<TV>(dh + j, left));
                TLanes.Store(to + j, relu ? Simd.SelectLess(default, y, d, default) : Simd.Multiply(d, Simd.Subtract(one, Simd.Multiply(y, y))), left);
                TLanes.Store(dh + j, default(TV), left);
            }
        }

        // σ' = σ (1 - σ)
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static TV Slope<TV>(TV s) where TV : struct => Simd.Multiply(s, Simd.Subtract(Simd.Create<TV>(1f), s));
    }
}
