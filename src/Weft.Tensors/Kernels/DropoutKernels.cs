using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Weft.Tensors.Threading;

namespace Weft.Tensors.Kernels;

/// <summary>Dropout whose mask is a function of a key and of where an element stands.</summary>
/// <remarks>
/// y[i] = number(i) ≥ threshold ? x[i] scale : 0, where number(i) is the i-th of Philox4x32-10 from a block on (Salmon et al. 2011,
/// section 3.3): nothing is stored, and any piece can be computed alone. With AVX2 a lane is a block of four elements, eight
/// blocks at a time, whose numbers are then put into the elements' order; the rest goes block by block. Split over blocks.
/// </remarks>
internal static unsafe class DropoutKernels
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int Rounds = 10, Grain = 1 << 11; // in blocks

    internal static void Run(ReadOnlySpan<float> x, Span<float> y, float scale, uint threshold, ulong seed, uint stream, ulong firstBlock)
    {
        fixed (float* px = x, py = y)
        {
            Job job = new() { X = px, Y = py, Count = x.Length, Scale = scale, Threshold = threshold, Seed = seed, Stream = stream, FirstBlock = firstBlock };
            ForkJoin.Run((x.Length + 3) / 4, Grain, ref job);
        }
    }

    private struct Job : IRangeJob
    {
        internal float* X, Y;
        internal int Count;
        internal float Scale;
        internal uint Threshold, Stream;
        internal ulong Seed, FirstBlock;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int start, int end)
        {
            int block = start;
            if (Avx2.IsSupported && KernelTiers.Current != KernelTier.Scalar)
            {
                // The low word of the counter must not carry within eight blocks.
                for (; block + 8 <= end && 4 * (block + 8) <= Count && (uint)(FirstBlock + (ulong)block) <= uint.MaxValue - 8; block += 8) Eight(block);
            }
            for (; block < end; block++)
            {
                Philox.Block numbers = Philox.At(Seed, FirstBlock + (ulong)block, Stream);
                for (int i = 4 * block; i < Math.Min(4 * block + 4, Count); i++) Y[i] = numbers[i - 4 * block] >= Threshold ? X[i] * Scale : 0;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Eight(int block)
        {
            ulong counter = FirstBlock + (ulong)block;
            Vector256<uint> c0 = Vector256.Create((uint)counter) + Vector256.Create(0u, 1, 2, 3, 4, 5, 6, 7), c1 = Vector256.Create((uint)(counter >> 32)), c2 = Vector256.Create(Stream), c3 = default;
            uint k0 = (uint)Seed, k1 = (uint)(Seed >> 32);
            for (int round = 0; round < Rounds; round++)
            {
                (Vector256<uint> high0, Vector256<uint> low0) = Product(c0, Multiplier0);
                (Vector256<uint> high1, Vector256<uint> low1) = Product(c2, Multiplier1);
                (c0, c1, c2, c3) = (high1 ^ c1 ^ Vector256.Create(k0), low1, high0 ^ c3 ^ Vector256.Create(k1), low0);
                k0 += Weyl0;
                k1 += Weyl1;
            }
            Vector256<ulong> a = Avx2.UnpackLow(c0, c1).AsUInt64(), b = Avx2.UnpackHigh(c0, c1).AsUInt64(), c = Avx2.UnpackLow(c2, c3).AsUInt64(), d = Avx2.UnpackHigh(c2, c3).AsUInt64();
            // Blocks 0 and 4, 1 and 5, 2 and 6, 3 and 7.
            Vector256<ulong> r0 = Avx2.UnpackLow(a, c), r1 = Avx2.UnpackHigh(a, c), r2 = Avx2.UnpackLow(b, d), r3 = Avx2.UnpackHigh(b, d);
            Keep(4 * block, Avx2.Permute2x128(r0, r1, 0x20));
            Keep(4 * block + 8, Avx2.Permute2x128(r2, r3, 0x20));
            Keep(4 * block + 16, Avx2.Permute2x128(r0, r1, 0x31));
            Keep(4 * block + 24, Avx2.Permute2x128(r2, r3, 0x31));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private readonly void Keep(int i, Vector256<ulong> numbers)
        {
            Vector256<uint> kept = Vector256.GreaterThanOrEqual(numbers.AsUInt32(), Vector256.Create(Threshold));
            Vector256.ConditionalSelect(kept.AsSingle(), Vector256.Load(X + i) * Vector256.Create(Scale), Vector256<float>.Zero).Store(Y + i);
        }

        // Upper and lower words of the products of eight words with one.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (Vector256<uint> High, Vector256<uint> Low) Product(Vector256<uint> x, uint factor)
        {
            Vector256<uint> f = Vector256.Create(factor);
            Vector256<ulong> even = Avx2.Multiply(x, f), odd = Avx2.Multiply(Vector256.ShiftRightLogical(x.AsUInt64(), 32).AsUInt32(), f);
            Vector256<uint> high = Avx2.Blend(Vector256.ShiftRightLogical(even, 32).AsUInt32(), odd.AsUInt32(), 0b10101010);
            return (high, Avx2.Blend(even.AsUInt32(), Vector256.ShiftLeft(odd, 32).AsUInt32(), 0b10101010));
        }
    }
}
