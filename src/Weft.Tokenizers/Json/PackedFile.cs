using System.IO.Compression;

namespace Weft.Tokenizers;

/// <summary>Reads files that may be gzip-compressed, and never more than a given number of bytes.</summary>
internal static class PackedFile
{
    /// <summary>The bytes of a file, unpacked where its name ends in <c>.gz</c>.</summary>
    /// <exception cref="TokenizerFormatException">There are more than <paramref name="limit"/> bytes, or the packing is damaged.</exception>
    public static byte[] ReadAllBytes(string path, long limit)
    {
        using FileStream file = File.OpenRead(path);
        if (file.Length > limit) throw new TokenizerFormatException(path, $"{file.Length} bytes are more than the {limit} that a tokenizer may have.");
        if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
        {
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }

        try
        {
            using GZipStream unpacked = new(file, CompressionMode.Decompress);
            using MemoryStream memory = new();
            byte[] buffer = new byte[1 << 16];
            for (int count; (count = unpacked.Read(buffer)) > 0;)
            {
                // Checked while it grows: a small packed file may unpack to any size.
                if (memory.Length + count > limit) throw new TokenizerFormatException(path, $"it unpacks to more than the {limit} bytes that a tokenizer may have.");
                memory.Write(buffer, 0, count);
            }
            return memory.ToArray();
        }
        catch (InvalidDataException problem)
        {
            throw new TokenizerFormatException(path, "the gzip data is damaged.", problem);
        }
    }
}
