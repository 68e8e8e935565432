using System.Buffers.Binary;
using System.Text;

namespace Weft.Bench.Peers;

/// <summary>Lets a library load although the system's C++ library lacks a symbol version that it names but does not use.</summary>
/// <remarks>
/// TorchSharp 0.107's native library asks for GLIBCXX_3.4.32, which Debian 12 does not have; no symbol of that version is used.
/// Marking the entry of .gnu.version_r weak (VER_FLG_WEAK, System V ABI) makes the loader accept its absence. Only the copy in
/// the output folder is changed.
/// </remarks>
internal static class ElfVersionPatch
{
    private const uint VersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 2;                // VER_FLG_WEAK

    internal static void Apply(string path, string version)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(path)) return;
        byte[] file = File.ReadAllBytes(path);
        if (!file.AsSpan().StartsWith("\u007fELF"u8)) return;
        long sections = I64(file, 0x28);
        int size = U16(file, 0x3A), count = U16(file, 0x3C);
        bool changed = false;
        for (int s = 0; s < count; s++)
        {
            long header = sections + (long)s * size;
            if (U32(file, header + 4) != VersionNeeds) continue;
            long names = I64(file, sections + U32(file, header + 0x28) * size + 0x18);
            for (long need = I64(file, header + 0x18); ;)
            {
                long aux = need + U32(file, need + 8);
                for (int i = 0; i < U16(file, need + 2); i++)
                {
                    if (Name(file, names + U32(file, aux + 8)) == version && (U16(file, aux + 4) & Weak) == 0)
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan((int)aux + 4), (ushort)(U16(file, aux + 4) | Weak));
                        changed = true;
                    }
                    aux += U32(file, aux + 12);
                }
                uint next = U32(file, need + 12);
                if (next == 0) break;
                need += next;
            }
        }
        if (!changed) return;
        string beside = path + ".tmp";
        File.WriteAllBytes(beside, file);
        File.Move(beside, path, overwrite: true);
    }

    private static ushort U16(byte[] file, long at) => BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan((int)at));

    private static uint U32(byte[] file, long at) => BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan((int)at));

    private static long I64(byte[] file, long at) => BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan((int)at));

    private static string Name(byte[] file, long at) => Encoding.ASCII.GetString(file, (int)at, Array.IndexOf(file, (byte)0, (int)at) - (int)at);
}
