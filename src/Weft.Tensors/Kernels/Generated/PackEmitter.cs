using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>The arguments of a generated packing loop. Strides are in bytes.</summary>
internal unsafe struct PackCall
{
    internal float* X;
    internal long Stride, Count;
    internal uint* Panel;
    internal long StepStride;
    internal ushort* Order;
    internal long LoadFirst, LoadSecond, Store, TileStride;
}

/// <summary>Writes the machine code that rounds a block of a factor to pairs of bfloat16 (VCVTNE2PS2BF16), in the order in which the tiles read it.</summary>
/// <remarks>
/// What <see cref="Bfloat16Packing"/> describes, for whole blocks of 16 lanes or of 16 steps. The instruction rounds to nearest even and
/// takes denormals for zero, as the products do. One argument, a pointer to <see cref="PackCall"/>; only registers that both calling
/// conventions leave to the callee are used, besides rbx and rbp.
/// </remarks>
internal static class PackEmitter
{
    // What is called into the cache ahead of the loops: bytes of a lane, and rows.
    private const int BytesAhead = 256, RowsAhead = 16;

    private static AssemblerRegister64 Call => OperatingSystem.IsWindows() ? rcx : rdi;

    /// <summary>Lanes lie side by side: each step, two rows of one or two times 16 lanes become one row of pairs.</summary>
    internal static byte[] Across(int vectors) => Across(vectors, static (code, v, vectors) =>
    {
        code.vmovups((v == 0 ? zmm16.k1 : zmm16.k2).z, __zmmword_ptr[r8 + 64 * v]);
        code.vmovups((v == 0 ? zmm17.k1 : zmm17.k2).z, __zmmword_ptr[r8 + r9 + 64 * v]);
        Pair(code);
        if (vectors == 1) code.vmovups(__zmmword_ptr[r11].k3, zmm16);
        else code.vmovups(__zmmword_ptr[r11 + 64 * v], zmm16);
    }, lines: vectors);

    /// <summary>The same for four tiles of 12 rows of A: three cache lines of each of two k are read at once.</summary>
    internal static byte[] AcrossTiles() => Across(4, static (code, tile, _) =>
    {
        code.vmovups(zmm16.k1.z, __zmmword_ptr[r8 + 48 * tile]);
        code.vmovups(zmm17.k1.z, __zmmword_ptr[r8 + r9 + 48 * tile]);
        Pair(code);
        code.vmovups((tile switch { 0 => __zmmword_ptr[r11], 1 => __zmmword_ptr[r11 + rcx], 2 => __zmmword_ptr[r11 + rcx * 2], _ => __zmmword_ptr[r11 + rax] }).k3, zmm16);
    }, lines: 3);

    /// <summary>One row: neighbours are pairs as they lie, 32 elements at a time.</summary>
    internal static byte[] Row()
    {
        Assembler code = new(64);
        code.mov(r8, __qword_ptr[Call]);
        code.mov(r10, __qword_ptr[Call + 16]);
        code.mov(r11, __qword_ptr[Call + 24]);
        Label loop = code.CreateLabel();
        code.Label(ref loop);
        code.vmovups(zmm16, __zmmword_ptr[r8 + 64]);
        code.vcvtne2ps2bf16(zmm16, zmm16, __zmmword_ptr[r8]);
        code.vmovups(__zmmword_ptr[r11], zmm16);
        code.add(r8, 128);
        code.add(r11, 64);
        code.dec(r10);
        code.jne(loop);
        code.vzeroupper();
        code.ret();
        return TileEmitter.Assemble(code);
    }

    private static void Pair(Assembler code)
    {
        code.vcvtne2ps2bf16(zmm16, zmm17, zmm16);
        code.vpermw(zmm16, zmm20, zmm16);
    }

    private static byte[] Across(int parts, Action<Assembler, int, int> part, int lines)
    {
        Assembler code = new(64);
        code.mov(r8, __qword_ptr[Call]);
        code.mov(r9, __qword_ptr[Call + 8]);
        code.mov(r10, __qword_ptr[Call + 16]);
        code.mov(r11, __qword_ptr[Call + 24]);
        code.mov(rdx, __qword_ptr[Call + 32]);
        code.mov(rax, __qword_ptr[Call + 40]);
        code.vmovdqu16(zmm20, __zmmword_ptr[rax]);
        code.mov(rax, __qword_ptr[Call + 48]);
        code.kmovd(k1, eax);
        code.mov(rax, __qword_ptr[Call + 56]);
        code.kmovd(k2, eax);
        code.mov(rax, __qword_ptr[Call + 64]);
        code.kmovd(k3, eax);
        code.mov(rcx, __qword_ptr[Call + 72]); // on Windows the last use of the argument's register
        code.push(rbx);
        code.lea(rax, __[rcx + rcx * 2]);
        code.imul(rbx, r9, RowsAhead);
        code.add(rbx, r8);
        Label loop = code.CreateLabel();
        code.Label(ref loop);
        for (int i = 0; i < parts; i++) part(code, i, parts);
        for (int i = 0; i < lines; i++)
        {
            code.prefetcht1(__byte_ptr[rbx + 64 * i]);
            code.prefetcht1(__byte_ptr[rbx + r9 + 64 * i]);
        }
        code.lea(r8, __[r8 + r9 * 2]);
        code.lea(rbx, __[rbx + r9 * 2]);
        code.add(r11, rdx);
        code.dec(r10);
        code.jne(loop);
        code.vzeroupper();
        code.pop(rbx);
        code.ret();
        return TileEmitter.Assemble(code);
    }

    /// <summary>Lanes lie apart: 32 elements each of so many lanes (16, 12 or 8) become sixteen steps. Registers are transposed as 16 x 16 pairs.</summary>
    internal static byte[] Along(int lanes)
    {
        const int Kept = 10;
        Assembler code = new(64);
        AssemblerRegister64[] rows = [r8, r9, rdx, rbx];
        code.push(rbx);
        code.push(rbp);
        if (OperatingSystem.IsWindows())
        {
            code.sub(rsp, 16 * Kept);
            for (int i = 0; i < Kept; i++) code.movups(__xmmword_ptr[rsp + 16 * i], new AssemblerRegisterXMM(Register.XMM6 + i));
        }
        code.mov(r8, __qword_ptr[Call]);
        code.mov(r11, __qword_ptr[Call + 8]);
        code.mov(rbp, __qword_ptr[Call + 16]);
        code.mov(rax, __qword_ptr[Call + 24]);
        code.mov(r10, __qword_ptr[Call + 64]);
        code.kmovd(k3, r10d);
        code.mov(rcx, __qword_ptr[Call + 32]); // on Windows the last use of the argument's register
        code.lea(r10, __[r11 + r11 * 2]);
        for (int g = 1; g < lanes / 4; g++) code.lea(rows[g], __[rows[g - 1] + r11 * 4]);

        Label loop = code.CreateLabel();
        code.Label(ref loop);
        for (int i = 0; i < 16; i++)
        {
            if (i >= lanes)
            {
                code.vpxord(Z(i), Z(i), Z(i));
                continue;
            }
            AssemblerRegister64 row = rows[i / 4];
            AssemblerMemoryOperand At(int offset) => (i % 4) switch { 0 => __[row + offset], 1 => __[row + r11 + offset], 2 => __[row + r11 * 2 + offset], _ => __[row + r10 + offset] };
            code.vmovups(Z(16 + i % 8), At(64));
            code.vcvtne2ps2bf16(Z(i), Z(16 + i % 8), At(0));
            code.prefetcht0(At(BytesAhead));
            code.prefetcht0(At(BytesAhead + 64));
        }
        // Steps 4q + r of four lanes, quarter by quarter; then quarters of all lanes.
        for (int q = 0; q < 16; q += 4)
        {
            code.vunpcklps(Z(16 + q), Z(q), Z(q + 1));
            code.vunpckhps(Z(17 + q), Z(q), Z(q + 1));
            code.vunpcklps(Z(18 + q), Z(q + 2), Z(q + 3));
            code.vunpckhps(Z(19 + q), Z(q + 2), Z(q + 3));
            code.vunpcklpd(Z(q), Z(16 + q), Z(18 + q));
            code.vunpckhpd(Z(q + 1), Z(16 + q), Z(18 + q));
            code.vunpcklpd(Z(q + 2), Z(17 + q), Z(19 + q));
            code.vunpckhpd(Z(q + 3), Z(17 + q), Z(19 + q));
        }
        for (int r = 0; r < 4; r++)
        {
            code.vshuff32x4(Z(16 + r), Z(r), Z(r + 4), 0x44);
            code.vshuff32x4(Z(20 + r), Z(r + 8), Z(r + 12), 0x44);
            code.vshuff32x4(Z(24 + r), Z(r), Z(r + 4), 0xEE);
            code.vshuff32x4(Z(28 + r), Z(r + 8), Z(r + 12), 0xEE);
        }
        for (int step = 0; step < 16; step++)
        {
            (int half, int r) = (step / 8, step % 4);
            AssemblerRegisterZMM row = Z(step);
            code.vshuff32x4(row, Z(16 + 8 * half + r), Z(20 + 8 * half + r), (byte)(step % 8 < 4 ? 0x88 : 0xDD));
            if (lanes == 16) code.vmovups(__zmmword_ptr[rax], row);
            else code.vmovups(__zmmword_ptr[rax].k3, row);
            code.add(rax, rcx);
        }
        for (int g = 0; g < lanes / 4; g++) code.add(rows[g], 128);
        code.dec(rbp);
        code.jne(loop);
        if (OperatingSystem.IsWindows())
        {
            for (int i = 0; i < Kept; i++) code.movups(new AssemblerRegisterXMM(Register.XMM6 + i), __xmmword_ptr[rsp + 16 * i]);
            code.add(rsp, 16 * Kept);
        }
        code.vzeroupper();
        code.pop(rbp);
        code.pop(rbx);
        code.ret();
        return TileEmitter.Assemble(code);
    }

    private static AssemblerRegisterZMM Z(int i) => new(Register.ZMM0 + i);
}
