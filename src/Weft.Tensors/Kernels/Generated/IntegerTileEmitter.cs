using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>The arguments of a generated tile of whole numbers. Strides are in bytes.</summary>
internal unsafe struct IntegerTileCall
{
    internal long Groups;
    internal void* W;
    internal float* Scales;
    internal void* Q;
    internal long RowStrideQ;
    internal float* Tokens;
    internal float* Bias;
    internal float* Y;
    internal long RowStrideY;
}

/// <summary>Writes the loop of <see cref="StoredProduct"/> for up to eight tokens and sixteen rows of W, with AVX512_VNNI.</summary>
/// <remarks>
/// <para>y[t, n] = bias[n] + sum over groups g of scale[g, n] d[g, t] (start[g, t] + sum over i of w[g, i, n] q[t, 32 g + i]) + offset[g, n] s[g, t].
/// A group is 32 numbers of a row. VPDPBUSD adds four products of bytes in a 32-bit lane, unsigned times signed: W comes with 128 added, and start is
/// -128 times the sum of q. VPDPWSSD adds two of 16 bits; there start is not read. Whole numbers are exact in any order.</para>
/// <para>W: for each group 8 (bytes) or 16 (words) vectors, a lane for each n. Scales: 16 scales, 16 offsets for each group. Tokens: 8 d, 8 s, 8 starts
/// for each group. Q: rows of bytes or words.</para>
/// <para>Registers: zmm0-7 whole sums, zmm8-15 results, zmm16-23 W, zmm24 scales, zmm25 offsets, zmm26-27 products of scales. r8, r9, r10 point to
/// groups of three rows of Q, r11 their stride, rbx W, rbp scales, rdx tokens, rax the count.</para>
/// </remarks>
internal static class IntegerTileEmitter
{
    /// <summary>The most tokens, and the rows of W.</summary>
    internal const int Tokens = 8, Rows = 16;

    private const Register Sums = Register.ZMM0, Results = Register.ZMM8, W = Register.ZMM16, Scale = Register.ZMM24, Offset = Register.ZMM25, Product = Register.ZMM26;
    private const int VectorBytes = 64, VectorsAtOnce = 8;

    /// <param name="words">Whether W and Q hold 16 bits a number, not 8.</param>
    /// <param name="offsets">Whether offsets count.</param>
    internal static byte[] Emit(bool words, bool offsets)
    {
        Assembler code = new(64);
        int kept = OperatingSystem.IsWindows() ? 10 : 0;
        AssemblerRegister64 call = OperatingSystem.IsWindows() ? rcx : rdi;
        AssemblerRegister64[] group = [r8, r9, r10];

        code.push(rbx);
        code.push(rbp);
        if (kept > 0) code.sub(rsp, 16 * kept);
        for (int i = 0; i < kept; i++) code.movups(__xmmword_ptr[rsp + 16 * i], TileEmitter.Xmm(i));
        code.mov(rax, __qword_ptr[call]);
        code.mov(rbx, __qword_ptr[call + 8]);
        code.mov(rbp, __qword_ptr[call + 16]);
        code.mov(r8, __qword_ptr[call + 24]);
        code.mov(r11, __qword_ptr[call + 32]);
        code.mov(rdx, __qword_ptr[call + 40]);
        for (int g = 1; g < group.Length; g++)
        {
            code.lea(group[g], __[group[g - 1] + r11 * 2]);
            code.add(group[g], r11);
        }
        for (int t = 0; t < Tokens; t++) code.AddInstruction(Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Results + t, Results + t, Results + t));

        Label loop = code.CreateLabel();
        code.Label(ref loop);
        for (int t = 0; t < Tokens; t++)
        {
            if (words) code.AddInstruction(Instruction.Create(Code.EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32, Sums + t, Sums + t, Sums + t));
            else code.AddInstruction(Instruction.Create(Code.EVEX_Vbroadcastss_zmm_k1z_xmmm32, Sums + t, new MemoryOperand(Register.RDX, 4 * (2 * Tokens + t))));
        }
        int vectors = words ? 2 * VectorsAtOnce : VectorsAtOnce;
        for (int first = 0; first < vectors; first += VectorsAtOnce)
        {
            for (int i = 0; i < VectorsAtOnce; i++) code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, W + i, new MemoryOperand(Register.RBX, VectorBytes * (first + i))));
            for (int i = 0; i < VectorsAtOnce; i++)
            {
                for (int t = 0; t < Tokens; t++)
                {
                    Register row = group[t / 3].Value, stride = t % 3 == 0 ? Register.None : Register.R11;
                    MemoryOperand four = new(row, stride, t % 3 == 2 ? 2 : 1, 4 * (first + i), 1, isBroadcast: true, Register.None);
                    code.AddInstruction(Instruction.Create(words ? Code.EVEX_Vpdpwssd_zmm_k1z_zmm_zmmm512b32 : Code.EVEX_Vpdpbusd_zmm_k1z_zmm_zmmm512b32, Sums + t, W + i, four));
                }
            }
        }
        code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, Scale, new MemoryOperand(Register.RBP)));
        if (offsets) code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmm_k1z_zmmm512, Offset, new MemoryOperand(Register.RBP, VectorBytes)));
        for (int t = 0; t < Tokens; t++)
        {
            code.AddInstruction(Instruction.Create(Code.EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er, Sums + t, Sums + t));
            code.AddInstruction(Instruction.Create(Code.EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er, Product + t % 2, Scale, Broadcast(Register.RDX, 4 * t)));
            code.AddInstruction(Instruction.Create(Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Results + t, Sums + t, Product + t % 2));
            if (offsets) code.AddInstruction(Instruction.Create(Code.EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er, Results + t, Offset, Broadcast(Register.RDX, 4 * (Tokens + t))));
        }
        code.add(rbx, vectors * VectorBytes);
        code.add(rbp, 2 * VectorBytes);
        code.add(rdx, 3 * Tokens * sizeof(float));
        foreach (AssemblerRegister64 rows in group) code.add(rows, 4 * vectors);
        code.dec(rax);
        code.jne(loop);

        code.mov(rax, __qword_ptr[call + 48]);
        code.mov(rbx, __qword_ptr[call + 56]);
        code.mov(rbp, __qword_ptr[call + 64]);
        for (int t = 0; t < Tokens; t++)
        {
            code.AddInstruction(Instruction.Create(Code.EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er, Results + t, Results + t, new MemoryOperand(Register.RAX)));
            code.AddInstruction(Instruction.Create(Code.EVEX_Vmovups_zmmm512_k1z_zmm, new MemoryOperand(Register.RBX), Results + t));
            code.add(rbx, rbp);
        }
        for (int i = 0; i < kept; i++) code.movups(TileEmitter.Xmm(i), __xmmword_ptr[rsp + 16 * i]);
        code.vzeroupper();
        if (kept > 0) code.add(rsp, 16 * kept);
        code.pop(rbp);
        code.pop(rbx);
        code.ret();
        return TileEmitter.Assemble(code);
    }

    private static MemoryOperand Broadcast(Register start, int displacement) => new(start, Register.None, 1, displacement, 1, isBroadcast: true, Register.None);
}
