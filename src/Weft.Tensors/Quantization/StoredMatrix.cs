using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;

namespace Weft.Tensors.Quantization;

/// <summary>Rows of a matrix as a GGUF tensor holds them.</summary>
/// <param name="File">The file; it stays mapped for as long as the matrix lives.</param>
/// <param name="Entry">The tensor.</param>
/// <param name="PermutedHeadSize">
/// 0, or the head size of a query or key matrix of llama.cpp's Llama order: within each head, row 2 i + s of the file is row i + s D/2 of the
/// matrix, so that rotary pairs, neighbours there, stand half a head apart here.
/// </param>
public sealed record StoredRows(GgufFile File, GgufEntry Entry, int PermutedHeadSize = 0);

/// <summary>A matrix that stays as it is stored, in the mapped file: its rows are made into numbers when they are used.</summary>
/// <remarks>It is put together from the rows of one or more tensors, as Weft joins the maps to queries, keys and values. Shape: [rows, columns].</remarks>
public sealed unsafe class StoredMatrix
{
    private readonly Part[] _parts;

    private sealed record Part(nint Data, MappedFile File, GgufType Type, int FirstRow, int RowCount, long RowBytes, int PermutedHeadSize);

    /// <summary>Puts a matrix together.</summary>
    /// <exception cref="ArgumentException">Row lengths differ, or a permuted head does not divide its rows.</exception>
    public StoredMatrix(params IReadOnlyList<StoredRows> rows)
    {
        ColumnCount = rows[0].Entry.RowLength;
        _parts = new Part[rows.Count];
        for (int i = 0; i < _parts.Length; i++)
        {
            (GgufFile file, GgufEntry entry, int head) = rows[i];
            if (entry.RowLength != ColumnCount) throw new ArgumentException($"StoredMatrix: rows of {entry} do not have {ColumnCount} columns.");
            if (head != 0 && (head % 2 != 0 || entry.RowCount % head != 0)) throw new ArgumentException($"StoredMatrix: heads of {head} rows do not fit {entry}.");
            nint data = (nint)file.Pointer(entry, out MappedFile mapped);
            _parts[i] = new Part(data, mapped, entry.Type, RowCount, checked((int)entry.RowCount), entry.RowBytes, head);
            RowCount = checked(RowCount + (int)entry.RowCount);
            ByteLength += entry.ByteLength;
            RoundsLarge |= Kernels.BlockUnpacking.RoundsLarge(entry.Type);
            RoundsSmall |= Kernels.BlockUnpacking.Supports(entry.Type) && !Kernels.BlockUnpacking.RoundsLarge(entry.Type);
        }
        MultipliesAsStored = _parts.All(static p => Kernels.StoredDots.Supports(p.Type));
        SpreadsInSixteens = _parts.All(static p => Kernels.BlockUnpacking.Supports(p.Type) && p.FirstRow % 16 == 0);
    }

    /// <summary>The number of rows.</summary>
    public int RowCount { get; }

    /// <summary>The length of a row.</summary>
    public int ColumnCount { get; }

    /// <summary>The bytes in the file.</summary>
    public long ByteLength { get; }

    /// <summary>Whether any part is multiplied by numbers rounded in groups of 32.</summary>
    internal bool RoundsSmall { get; }

    /// <summary>Whether any part is multiplied by numbers rounded in groups of 256.</summary>
    internal bool RoundsLarge { get; }

    /// <summary>Whether rows are multiplied with few tokens without being spread.</summary>
    internal bool MultipliesAsStored { get; }

    /// <summary>Whether any sixteen rows from a multiple of sixteen on are of one type, which can be spread.</summary>
    internal bool SpreadsInSixteens { get; }

    /// <summary>The types of the parts, in their order.</summary>
    public IEnumerable<GgufType> Types => _parts.Select(static p => p.Type);

    /// <summary>Reads a row, dequantized.</summary>
    /// <exception cref="ArgumentException">There is no such row, or the destination has another length.</exception>
    public void ReadRow(int row, Span<float> values)
    {
        if ((uint)row >= (uint)RowCount || values.Length != ColumnCount) throw new ArgumentException($"StoredMatrix: row {row} of {RowCount} x {ColumnCount} into {values.Length} values.");
        byte* data = Row(row, out GgufType type);
        Dequantizer.Run(type, new ReadOnlySpan<byte>(data, (int)type.ByteLength(ColumnCount)), values);
        GC.KeepAlive(this);
    }

    /// <summary>Reads all rows, dequantized, into a tensor of the same shape (Float32 or Float64). The file's pages are given back: the tensor takes their place.</summary>
    public void ReadInto(Tensor target)
    {
        if (target.Rank != 2 || target.Shape[0] != RowCount || target.Shape[1] != ColumnCount) throw new ArgumentException($"StoredMatrix: {RowCount} x {ColumnCount} into {target.Shape}.");
        if (target.DType == DType.Float32)
        {
            Kernels.StoredProduct.ReadAll(this, target.AsSpan<float>());
            Release();
            return;
        }
        float[] row = new float[ColumnCount];
        Span<double> all = target.AsSpan<double>();
        for (int r = 0; r < RowCount; r++)
        {
            ReadRow(r, row);
            for (int c = 0; c < row.Length; c++) all[r * ColumnCount + c] = row[c];
        }
        Release();
    }

    private void Release()
    {
        foreach (Part part in _parts) part.File.Release((byte*)part.Data, part.RowBytes * part.RowCount);
    }

    /// <summary>Where a row's bytes lie; this object must stay alive while they are used.</summary>
    internal byte* Row(int row, out GgufType type)
    {
        int i = 0;
        while (row >= _parts[i].FirstRow + _parts[i].RowCount) i++;
        Part part = _parts[i];
        row -= part.FirstRow;
        if (part.PermutedHeadSize is > 0 and var head)
        {
            (int h, int at) = Math.DivRem(row, head);
            row = h * head + at % (head / 2) * 2 + at / (head / 2);
        }
        type = part.Type;
        return (byte*)part.Data + row * part.RowBytes;
    }
}
