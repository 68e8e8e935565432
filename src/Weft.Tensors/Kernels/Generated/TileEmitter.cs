using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>The arguments of a generated tile and of those beside it. Strides are in bytes. B, C, Start and Panels are used up.</summary>
internal unsafe struct TileCall
{
    internal long Depth;
    internal void* A;
    internal long RowStrideA, DepthStrideA;
    internal void* B;
    internal long DepthStrideB;
    internal float* C;
    internal long RowStrideC;
    internal float* Start;

    /// <summary>0: C is overwritten, 1: added to, <see cref="PastCaches"/>: overwritten past the caches; its rows then begin at cache lines.</summary>
    internal long Accumulate;
    internal const long PastCaches = 2;

    /// <summary>How many panels of B lie side by side, at least 1, and from one to the next.</summary>
    internal long Panels, PanelStride;
}

/// <summary>What a step of k does in every lane.</summary>
internal enum TileKind
{
    /// <summary>c += a b in float32.</summary>
    Float32,

    /// <summary>c += a₀ b₀ + a₁ b₁ for pairs of bfloat16, summed in float32 (VDPBF16PS).</summary>
    Bfloat16,
}

/// <summary>Writes the machine code of <see cref="MatrixTiles"/>' loops for AVX-512.</summary>
/// <remarks>
/// <para>c[i, j] = (accumulate ? c[i, j] : start[j]) + sum over p of a[i, p] b[p, j] for R rows and one or two vectors of 16 columns.
/// The same order of operations as the C# tile, so the same bits in float32. A step: load one or two vectors of b; per row,
/// broadcast 32 bits of a and multiply-add them with each.</para>
/// <para>Registers: zmm0.. accumulators, zmm29 and 30 b, zmm31 a. r8, r9, r10, rdx point to groups of three rows of A; r11 row stride,
/// rcx step of A, rbx B, rbp step of B, rax the count. One argument, a pointer to <see cref="TileCall"/>, so that only its
/// register differs between the System V and Windows conventions; Windows also wants xmm6 to xmm15 kept.</para>
/// </remarks>
internal static class TileEmitter
{
    // The largest tile, and how many bytes of A ahead of the loop are called into the cache where A lies in one piece (bfloat16).
    private const int LargestRows = 12, Ahead = 768;

    private const Register B0 = Register.ZMM29, X = Register.ZMM31;

    internal static byte[] Emit(TileKind kind, int rows, int vectors)
    {
        Assembler code = new(64);
        int accumulators = rows * vectors, kept = OperatingSystem.IsWindows() ? Math.Clamp(accumulators - 6, 0, 10) : 0;
        AssemblerRegister64 call = OperatingSystem.IsWindows() ? rcx : rdi;
        AssemblerRegister64[] group = [r8, r9, r10, rdx];

        code.push(rbx);
        code.push(rbp);
        code.push(call);
        if (kept > 0) code.sub(rsp, 16 * kept);
        for (int i = 0; i < kept; i++) code.movups(__xmmword_ptr[rsp + 16 * i], Xmm(i));
        Label panel = code.CreateLabel();
        code.Label(ref panel);
        if (rows == LargestRows)
        {
            Label far = code.CreateLabel();
            code.cmp(__qword_ptr[call + 72], (int)TileCall.PastCaches);
            code.je(far);
            code.mov(rax, __qword_ptr[call + 48]);
            code.mov(rbx, __qword_ptr[call + 56]);
            for (int r = 0; r < rows; r++)
            {
                for (int v = 0; v < vectors; v++) code.prefetchw(__byte_ptr[rax + 64 * v]);
                code.add(rax, rbx);
            }
            code.Label(ref far);
        }
        code.mov(rbx, __qword_ptr[call + 32]);
        code.mov(rbp, __qword_ptr[call + 40]);
        code.mov(r11, __qword_ptr[call + 16]);
        code.mov(r8, __qword_ptr[call + 8]);
        code.mov(rax, __qword_ptr[call + 64]);
        for (int g = 1; g < (rows + 2) / 3; g++)
        {
            code.lea(group[g], __[group[g - 1] + r11 * 2]);
            code.add(group[g], r11);
        }

        // Start.
        Label plain = code.CreateLabel(), begun = code.CreateLabel(), loop = code.CreateLabel(), done = code.CreateLabel();
        code.test(rax, rax);
        code.je(plain);
        for (int i = 0; i < accumulators; i++)
        {
            if (i < vectors) code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, C(i), At(Register.RAX, 64 * i)));
            else code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, C(i), C(i % vectors)));
        }
        code.jmp(begun);
        code.Label(ref plain);
        for (int i = 0; i < accumulators; i++) code.AddInstruction(Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, C(i), C(i), C(i)));
        code.Label(ref begun);
        code.mov(rax, __qword_ptr[call]);
        code.mov(rcx, __qword_ptr[call + 24]); // on Windows the last use of the argument's register before it is loaded again
        code.test(rax, rax);
        code.je(done);

        code.Label(ref loop);
        for (int v = 0; v < vectors; v++) code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, B0 + v, At(Register.RBX, 64 * v)));
        if (kind == TileKind.Bfloat16) code.prefetcht0(__byte_ptr[r8 + Ahead]);
        Code step = kind == TileKind.Float32 ? Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er : Code.EVEX_Vdpbf16ps_zmm_k1z_zmm_zmmm512b32;
        for (int r = 0; r < rows; r++)
        {
            Register start = group[r / 3].Value;
            MemoryOperand element = (r % 3) switch { 0 => new MemoryOperand(start), 1 => new MemoryOperand(start, Register.R11, 1), _ => new MemoryOperand(start, Register.R11, 2) };
            code.AddInstruction(Instruction.Create(Code.EVEX_Vbroadcastss_zmm_k1z_xmmm32, X, element));
            for (int v = 0; v < vectors; v++) code.AddInstruction(Instruction.Create(step, C(r * vectors + v), X, B0 + v));
        }
        code.add(rbx, rbp);
        for (int g = 0; g < (rows + 2) / 3; g++) code.add(group[g], rcx);
        code.dec(rax);
        code.jne(loop);
        code.Label(ref done);

        // Store.
        code.mov(rax, __qword_ptr[rsp + 16 * kept]); // the argument
        code.mov(rbx, __qword_ptr[rax + 48]);
        code.mov(rbp, __qword_ptr[rax + 56]);
        code.mov(rcx, __qword_ptr[rax + 72]);
        Label store = code.CreateLabel(), past = code.CreateLabel(), stored = code.CreateLabel();
        code.cmp(rcx, (int)TileCall.PastCaches);
        code.je(past);
        code.test(rcx, rcx);
        code.je(store);
        code.mov(rdx, rbx);
        for (int r = 0; r < rows; r++)
        {
            for (int v = 0; v < vectors; v++)
                code.AddInstruction(Instruction.Create(Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, C(r * vectors + v), C(r * vectors + v), At(Register.RDX, 64 * v)));
            code.add(rdx, rbp);
        }
        code.Label(ref store);
        for (int r = 0; r < rows; r++)
        {
            for (int v = 0; v < vectors; v++) code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmmm512_k1z_zmm, At(Register.RBX, 64 * v), C(r * vectors + v)));
            code.add(rbx, rbp);
        }
        code.jmp(stored);
        code.Label(ref past);
        for (int r = 0; r < rows; r++)
        {
            for (int v = 0; v < vectors; v++) code.AddInstruction(Instruction.Create(Code.EVEX_Vmovntps_m512_zmm, At(Register.RBX, 64 * v), C(r * vectors + v)));
            code.add(rbx, rbp);
        }
        code.Label(ref stored);

        // The next panel.
        Label next = code.CreateLabel(), end = code.CreateLabel();
        code.mov(call, __qword_ptr[rsp + 16 * kept]);
        code.dec(__qword_ptr[call + 80]);
        code.je(end);
        code.mov(rax, __qword_ptr[call + 88]);
        code.add(__qword_ptr[call + 32], rax);
        code.add(__qword_ptr[call + 48], 64 * vectors);
        code.mov(rax, __qword_ptr[call + 64]);
        code.test(rax, rax);
        code.je(next);
        code.add(rax, 64 * vectors);
        code.mov(__qword_ptr[call + 64], rax);
        code.Label(ref next);
        code.jmp(panel);
        code.Label(ref end);
        for (int i = 0; i < kept; i++) code.movups(Xmm(i), __xmmword_ptr[rsp + 16 * i]);
        code.vzeroupper();
        code.add(rsp, 16 * kept + 8);
        code.pop(rbp);
        code.pop(rbx);
        code.ret();
        return Assemble(code);
    }

    /// <summary>The bytes of a routine, which run wherever they are put.</summary>
    internal static byte[] Assemble(Assembler code)
    {
        using MemoryStream stream = new();
        code.Assemble(new StreamCodeWriter(stream), 0);
        return stream.ToArray();
    }

    private static Register C(int i) => Register.ZMM0 + i;

    /// <summary>xmm6 to xmm15, which Windows wants kept.</summary>
    internal static AssemblerRegisterXMM Xmm(int i) => i switch { 0 => xmm6, 1 => xmm7, 2 => xmm8, 3 => xmm9, 4 => xmm10, 5 => xmm11, 6 => xmm12, 7 => xmm13, 8 => xmm14, _ => xmm15 };

    private static MemoryOperand At(Register start, int displacement) => new(start, displacement);
}
