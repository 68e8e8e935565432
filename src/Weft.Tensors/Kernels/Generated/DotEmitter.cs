using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Weft.Tensors.Kernels.Generated;

/// <summary>The arguments of a generated dot product. The stride is in bytes.</summary>
internal unsafe struct DotCall
{
    internal uint* X;
    internal float* Rows;
    internal long Stride, Count;
    internal float* Sums;
}

/// <summary>Writes the machine code of dot products of a vector with four rows of a matrix, in bfloat16: a row times a transposed matrix.</summary>
/// <remarks>
/// sums[r, lane] = sum over blocks of x · row r, for r &lt; 4 and 16 lanes. x lies in pairs of bfloat16; rows are float32 and are rounded as
/// they are read (VCVTNE2PS2BF16, whose pairs are neighbours, as VDPBF16PS wants them). Each matrix element is used once, so this is as
/// fast as memory. Only registers that both calling conventions leave to the callee are used.
/// </remarks>
internal static class DotEmitter
{
    internal static byte[] Emit()
    {
        Assembler code = new(64);
        AssemblerRegister64 call = OperatingSystem.IsWindows() ? rcx : rdi;
        AssemblerRegisterZMM[] sums = [zmm16, zmm17, zmm18, zmm19];
        code.mov(r8, __qword_ptr[call]);
        code.mov(r9, __qword_ptr[call + 8]);
        code.mov(r10, __qword_ptr[call + 16]);
        code.mov(rax, __qword_ptr[call + 24]);
        code.mov(r11, __qword_ptr[call + 32]);
        code.lea(rdx, __[r9 + r10 * 2]);
        foreach (AssemblerRegisterZMM sum in sums) code.vpxord(sum, sum, sum);
        Label loop = code.CreateLabel();
        code.Label(ref loop);
        code.vmovups(zmm20, __zmmword_ptr[r8]);
        for (int r = 0; r < sums.Length; r++)
        {
            AssemblerMemoryOperand At(int offset) => r switch { 0 => __zmmword_ptr[r9 + offset], 1 => __zmmword_ptr[r9 + r10 + offset], 2 => __zmmword_ptr[rdx + offset], _ => __zmmword_ptr[rdx + r10 + offset] };
            code.vmovups(zmm21, At(64));
            code.vcvtne2ps2bf16(zmm21, zmm21, At(0));
            code.vdpbf16ps(sums[r], zmm20, zmm21);
        }
        code.add(r8, 64);
        code.add(r9, 128);
        code.add(rdx, 128);
        code.dec(rax);
        code.jne(loop);
        for (int r = 0; r < sums.Length; r++) code.vmovups(__zmmword_ptr[r11 + 64 * r], sums[r]);
        code.vzeroupper();
        code.ret();
        return TileEmitter.Assemble(code);
    }
}
