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
/// <para>The weights come in panels of 32 columns, which every step streams from the cache. Rows of a batch do not meet, so a large
/// batch is split over them once for all steps; a small one is split over panels at each step. Either way an element is the same
/// chain of operations: the same bits for any number of threads.</para>
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

    /// <summary>The floats that <see cref="Pack"/> writes for a matrix of so many rows and columns.</summary>
    internal static int PackedCount(int rows, int columns) => (columns + PanelWidth - 1) / PanelWidth * PanelWidth * rows;

    /// <summary>A matrix in panels of 32 columns: panels[j / 32][p][j % 32] = matrix[p rowStride + j columnStride].</summary>
    internal static void Pack(ReadOnlySpan<float> matrix, int rows, int columns, int rowStride, int columnStride, Span<float> panels)
    {
        fixed (float* from = matrix, to = panels)
        {
            for (int j = 0; j < columns; j += PanelWidth)
                MatrixPacking.Panel(from + (nint)j * columnStride, rowStride, columnStride, rows, Math.Min(PanelWidth, columns - j), to + (nint)j * rows, PanelWidth);
        }
    }

    /// <summary>Fills the states, and the gates where they are kept; otherwise gates is a block of one step. across is Uᵀ: packed, or, where there is one step, U as it lies.</summary>
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

    private struct PanelJob : IRangeJob
    {
        internal int M, N, K, RowStrideC;
        internal float* A, B, C;
        internal bool Accumulate;

        public readonly void Run(int start, int end)
        {
            for (int panel = start; panel < end; panel++)
            {
                int j = panel * PanelWidth;
                MatrixProduct.RunSerial(M, Math.Min(PanelWidth, N - j), K, A, K, 1, B + (nint)j * K, PanelWidth, 1, C + j, RowStrideC, Accumulate);
            }
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
            switch (KernelTiers.Current)
            {
                case KernelTier.Bits512: Run<Vector512<float>>(start, end); break;
                case KernelTier.Bits256: Run<Vector256<float>>(start, end); break;
                default: Run<Vector128<float>>(start, end); break;
            }
        }

        private readonly void Run<TV>(int start, int end) where TV : struct
        {
            bool whole = S.Pieces == 1;
            for (int piece = start; piece < end; piece++)
            {
                int row = piece * S.RowsPerPiece, rows = Math.Min(S.RowsPerPiece, S.B - row);
                for (int s = 0; s < S.T; s++)
                {
                    if (Gradient is null) Forward<TV>(s, row, rows, whole);
                    else Backward<TV>(S.T - 1 - s, row, rows, whole);
                }
            }
        }

        // The states before step s, for the rows from row on.
        private readonly float* Before(float* first, float* states, int s, int row) =>
            s == 0 ? first + (nint)row * S.H : states + ((nint)Time(s - 1) * S.B + row) * S.H;

        private readonly int Time(int s) => S.Reverse ? S.T - 1 - s : s;

        private readonly void Forward<TV>(int s, int row, int rows, bool whole) where TV : struct
        {
            int t = Time(s), H = S.H, B = S.B, width = S.Cell.GateCount() * H;
            float* cells = States + (nint)S.T * B * H, before = Before(H0, States, s, row), cellBefore = C0 is null ? null : Before(C0, cells, s, row);
            float* gates = Gates + t * GateStep + (nint)row * S.GateWidth, input = Input + ((nint)t * B + row) * width;
            float* h = States + ((nint)t * B + row) * H, c = cells + ((nint)t * B + row) * H;
            Product(rows, width, H, before, gates, S.GateWidth, false, whole);
            for (int i = 0; i < rows; i++, before += H, cellBefore += H, gates += S.GateWidth, input += width, h += H, c += H)
            {
                if (Lengths is not null && t >= Lengths[row + i])
                {
                    new Span<float>(before, H).CopyTo(new Span<float>(h, H));
                    if (C0 is not null) new Span<float>(cellBefore, H).CopyTo(new Span<float>(c, H));
                    continue;
                }
                switch (S.Cell)
                {
                    case RecurrentCell.Lstm: Lstm<TV>(input, gates, cellBefore, h, c); break;
                    case RecurrentCell.Gru: Gru<TV>(input, gates, before, h); break;
                    default: Plain<TV>(input, gates, h); break;
                }
            }
        }

        private readonly void Backward<TV>(int s, int row, int rows, bool whole) where TV : struct
        {
            int t = Time(s), H = S.H, B = S.B, width = S.Cell.GateCount() * H;
            float* cells = States + (nint)S.T * B * H, before = Before(H0, States, s, row), cellBefore = C0 is null ? null : Before(C0, cells, s, row);
            nint at = (nint)t * B + row;
            float* gates = Gates + t * GateStep + (nint)row * S.GateWidth, hidden = HiddenGates + at * width, input = InputGates + at * width;
            float* dyh = Gradient + at * H, dyc = dyh + (nint)S.T * B * H, dh = Dh + (nint)row * H, dc = Dc + (nint)row * H, h = States + at * H, c = cells + at * H;
            for (int i = 0; i < rows; i++, before += H, cellBefore += H, gates += S.GateWidth, hidden += width, input += width, dyh += H, dyc += H, dh += H, dc += H, h += H, c += H)
            {
                if (Lengths is not null && t >= Lengths[row + i])
                {
                    new Span<float>(hidden, width).Clear();
                    new Span<float>(input, width).Clear();
                    for (int j = 0; j < H; j++) dh[j] += dyh[j];
                    if (C0 is not null) for (int j = 0; j < H; j++) dc[j] += dyc[j];
                    continue;
                }
                switch (S.Cell)
                {
                    case RecurrentCell.Lstm: LstmBack<TV>(gates, cellBefore, c, dyh, dyc, dh, dc, hidden); break;
                    case RecurrentCell.Gru: GruBack<TV>(gates, before, dyh, dh, hidden, input); break;
                    default: PlainBack<TV>(h, dyh, dh, hidden); break;
                }
            }
            // dh holds what does not pass through U; the rest is added.
            Product(rows, H, width, HiddenGates + at * width, Dh + (nint)row * H, H, true, whole);
        }

        private readonly void Product(int m, int n, int k, float* a, float* c, int cr, bool accumulate, bool whole)
        {
            if (!Packed)
            {
                MatrixProduct.Run(m, n, k, new ReadOnlySpan<float>(a, m * k), k, 1, new ReadOnlySpan<float>(Weight, n * k), 1, k, new Span<float>(c, m * cr), cr, accumulate);
                return;
            }
            PanelJob job = new() { M = m, N = n, K = k, A = a, B = Weight, C = c, RowStrideC = cr, Accumulate = accumulate };
            int panels = (n + PanelWidth - 1) / PanelWidth;
            if (whole) ForkJoin.Run(panels, 1, ref job);
            else job.Run(0, panels);
        }

        // What goes into gate k in the columns from j on: input + U h + d.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly TV Sum<TV>(float* input, float* gates, int k, int j, int left) where TV : struct
        {
            TV sum = Simd.Add(Simd.LoadPart<TV>(input + k * S.H + j, left), Simd.LoadPart<TV>(gates + k * S.H + j, left));
            return Bias is null ? sum : Simd.Add(sum, Simd.LoadPart<TV>(Bias + k * S.H + j, left));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Lstm<TV>(float* input, float* gates, float* before, float* h, float* c) where TV : struct
        {
            int H = S.H;
            for (int j = 0; j < H; j += Simd.Count<TV>())
            {
                int left = H - j;
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
        private readonly void LstmBack<TV>(float* gates, float* before, float* c, float* dyh, float* dyc, float* dh, float* dc, float* to) where TV : struct
        {
            int H = S.H;
            TV one = Simd.Create<TV>(1f);
            for (int j = 0; j < H; j += Simd.Count<TV>())
            {
                int left = H - j;
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
        private readonly void Gru<TV>(float* input, float* gates, float* before, float* h) where TV : struct
        {
            int H = S.H;
            for (int j = 0; j < H; j += Simd.Count<TV>())
            {
                int left = H - j;
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
        private readonly void GruBack<TV>(float* gates, float* before, float* dyh, float* dh, float* hidden, float* input) where TV : struct
        {
            int H = S.H;
            TV one = Simd.Create<TV>(1f);
            for (int j = 0; j < H; j += Simd.Count<TV>())
            {
                int left = H - j;
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
        private readonly void Plain<TV>(float* input, float* gates, float* h) where TV : struct
        {
            bool relu = S.Cell == RecurrentCell.Relu;
            for (int j = 0; j < S.H; j += Simd.Count<TV>())
            {
                int left = S.H - j;
                TV x = Sum<TV>(input, gates, 0, j, left);
                Simd.StorePart(h + j, relu ? Simd.Max(x, default) : VectorMath.Tanh(x), left);
            }
        }

        // dx = dh (1 - h²), or dh where h > 0
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void PlainBack<TV>(float* h, float* dyh, float* dh, float* to) where TV : struct
        {
            bool relu = S.Cell == RecurrentCell.Relu;
            TV one = Simd.Create<TV>(1f);
            for (int j = 0; j < S.H; j += Simd.Count<TV>())
            {
                int left = S.H - j;
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
