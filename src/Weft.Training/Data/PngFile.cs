using System.Buffers.Binary;
using System.IO.Compression;
using BigGustave;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Training.Data;

/// <summary>Reads PNG images as tensors (ISO/IEC 15948; decoded by the library BigGustave).</summary>
public static class PngFile
{
    private const int SignatureBytes = 8, HeaderBytes = SignatureBytes + 25, MaximumSide = 1 << 15;

    /// <summary>Reads an image.</summary>
    /// <param name="path">The file.</param>
    /// <param name="channels">1 for luminance (0.299 R + 0.587 G + 0.114 B, ITU-R BT.601), 3 for red, green and blue, 4 with opacity.</param>
    /// <returns>Numbers in [0, 1], Float32 [channels, H, W].</returns>
    /// <exception cref="WeftFileException">The file is not a PNG image, is damaged, or unpacks to more than its header says.</exception>
    public static Tensor Read(string path, int channels = 3)
    {
        if (channels is not (1 or 3 or 4)) throw new ArgumentException($"PngFile: {channels} channels; there are 1, 3 and 4.");
        byte[] bytes = File.ReadAllBytes(path);
        CheckSize(path, bytes);
        Png image;
        try
        {
            image = Png.Open(bytes);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            throw new WeftFileException(path, SignatureBytes, $"is a damaged PNG image: {exception.Message}", exception);
        }
        int H = image.Height, W = image.Width;
        Tensor result = Tensor.Uninitialized([channels, H, W]);
        Span<float> values = result.AsSpan<float>();
        try
        {
            for (int y = 0; y < H; y++)
            {
                for (int x = 0; x < W; x++)
                {
                    Pixel pixel = image.GetPixel(x, y);
                    int at = y * W + x;
                    if (channels == 1)
                    {
                        values[at] = (float)((0.299 * pixel.R + 0.587 * pixel.G + 0.114 * pixel.B) / 255);
                        continue;
                    }
                    (values[at], values[H * W + at], values[2 * H * W + at]) = (pixel.R / 255f, pixel.G / 255f, pixel.B / 255f);
                    if (channels == 4) values[3 * H * W + at] = pixel.A / 255f;
                }
            }
        }
        catch (Exception exception) when (exception is IndexOutOfRangeException or InvalidOperationException or ArgumentException)
        {
            throw new WeftFileException(path, SignatureBytes, "is a damaged PNG image: it has fewer pixels or colours than it says.", exception);
        }
        return result;
    }

    // The library unpacks without a limit: a small file could fill the memory. So what it will unpack is counted first, and may
    // not exceed the rows that the header announces, each with its filter's byte; interlaced images have at most 7 bytes a row more.
    private static void CheckSize(string path, byte[] bytes)
    {
        ReadOnlySpan<byte> signature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];
        if (bytes.Length < HeaderBytes || !bytes.AsSpan().StartsWith(signature) || !bytes.AsSpan(SignatureBytes + 4, 4).SequenceEqual("IHDR"u8)) throw new WeftFileException(path, 0, "is not a PNG image.");
        uint width = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(SignatureBytes + 8)), height = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(SignatureBytes + 12));
        if (width is 0 or > MaximumSide || height is 0 or > MaximumSide) throw new WeftFileException(path, SignatureBytes + 8, $"is an image of {width} x {height}; each side must be from 1 to {MaximumSide}.");
        int depth = bytes[SignatureBytes + 16], samples = bytes[SignatureBytes + 17] switch { 0 or 3 => 1, 2 => 3, 4 => 2, 6 => 4, byte type => throw new WeftFileException(path, SignatureBytes + 17, $"has the colour type {type}, which there is not.") };
        if (depth is not (1 or 2 or 4 or 8 or 16)) throw new WeftFileException(path, SignatureBytes + 16, $"has {depth} bits a sample, which there are not.");
        long allowed = height * (((long)width * samples * depth + 7) / 8 + 8) + 64;

        using MemoryStream packed = new();
        for (long at = SignatureBytes; at + 12 <= bytes.Length;)
        {
            long length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan((int)at));
            if (at + 12 + length > bytes.Length) throw new WeftFileException(path, at, $"ends within a part of {length} bytes.");
            if (bytes.AsSpan((int)at + 4, 4).SequenceEqual("IDAT"u8)) packed.Write(bytes, (int)at + 8, (int)length);
            at += 12 + length;
        }
        packed.Position = 0;
        try
        {
            using ZLibStream pixels = new(packed, CompressionMode.Decompress);
            byte[] buffer = new byte[1 << 14];
            long unpacked = 0;
            for (int read; (read = pixels.Read(buffer)) > 0;)
                if ((unpacked += read) > allowed) throw new WeftFileException(path, SignatureBytes, $"unpacks to more than the {width} x {height} pixels that its header says.");
        }
        catch (InvalidDataException exception)
        {
            throw new WeftFileException(path, SignatureBytes, "is a damaged PNG image: its pixels cannot be unpacked.", exception);
        }
    }
}
