using System.Globalization;
using nietras.SeparatedValues;
using Weft.Tensors;
using Weft.Tensors.Files;

namespace Weft.Training.Data;

/// <summary>A table of texts with named columns, as a CSV file holds it (RFC 4180; read by the library Sep).</summary>
public sealed class CsvTable
{
    private readonly string _name;
    private readonly string[] _columns;
    private readonly List<string[]> _rows;

    private CsvTable(string name, string[] columns, List<string[]> rows) => (_name, _columns, _rows) = (name, columns, rows);

    /// <summary>The names in the first row.</summary>
    public IReadOnlyList<string> Columns => _columns;

    /// <summary>The number of rows below them.</summary>
    public int RowCount => _rows.Count;

    /// <summary>Reads a file whose first row names the columns; a cell in quotes may hold separators, line ends and doubled quotes.</summary>
    /// <exception cref="WeftFileException">A row has another number of cells, or a name stands twice.</exception>
    public static CsvTable Read(string path, char separator = ',') => Guarded(path, () => Read(path, new Sep(separator).Reader(Options).FromFile(path)));

    /// <summary>Reads a text of that form.</summary>
    /// <inheritdoc cref="Read(string, char)"/>
    public static CsvTable Parse(string text, char separator = ',') => Guarded("text", () => Read("text", new Sep(separator).Reader(Options).FromText(text)));

    /// <summary>The texts of a column.</summary>
    /// <exception cref="ArgumentException">There is no such column; the message names the nearest one.</exception>
    public IReadOnlyList<string> Texts(string column)
    {
        int index = IndexOf(column);
        return [.. _rows.Select(r => r[index])];
    }

    /// <summary>Numbers, a row for each row and a column for each named column. Shapes: -> [rows, columns] of Float32.</summary>
    /// <exception cref="WeftFileException">A cell is not a number; the message names its row and column.</exception>
    public Tensor Numbers(params ReadOnlySpan<string> columns)
    {
        Tensor result = Tensor.Uninitialized([RowCount, columns.Length]);
        Span<float> values = result.AsSpan<float>();
        for (int c = 0; c < columns.Length; c++)
        {
            int index = IndexOf(columns[c]);
            for (int r = 0; r < RowCount; r++)
                values[r * columns.Length + c] = float.TryParse(_rows[r][index], NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
                    ? value : throw new WeftFileException(_name, 0, $"row {r + 2}, column '{columns[c]}': '{_rows[r][index]}' is not a number.");
        }
        return result;
    }

    /// <summary>A column of names as class numbers, in the order of the names. Shapes: -> [rows] of Int32.</summary>
    public (Tensor Classes, IReadOnlyList<string> Names) Classes(string column)
    {
        IReadOnlyList<string> texts = Texts(column);
        string[] names = [.. texts.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return (Tensor.From([.. texts.Select(t => Array.BinarySearch(names, t, StringComparer.Ordinal))]), names);
    }

    /// <summary>Brings columns to mean 0 and deviation 1, by the rows that are given; a constant column becomes 0.</summary>
    /// <param name="values">[rows, columns].</param>
    /// <param name="by">What mean and deviation are taken from: the training rows, so that nothing of the others leaks. [rows, columns].</param>
    public static Tensor Standardize(Tensor values, Tensor by)
    {
        Tensor deviation = by.StandardDeviation(0, true, 0);                        // [1, columns]
        return (values - by.Mean(0, true)) / deviation.MaskedFill(deviation.Equal(0), 1);
    }

    private static SepReaderOptions Options(SepReaderOptions options) => options with { Unescape = true, HasHeader = true };

    private static CsvTable Read(string name, SepReader reader)
    {
        using (reader)
        {
            string[] columns = [.. reader.Header.ColNames];
            List<string[]> rows = [];
            foreach (SepReader.Row row in reader)
            {
                string[] cells = new string[columns.Length];
                for (int c = 0; c < cells.Length; c++) cells[c] = row[c].ToString();
                rows.Add(cells);
            }
            return new CsvTable(name, columns, rows);
        }
    }

    private static CsvTable Guarded(string name, Func<CsvTable> read)
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is InvalidDataException or ArgumentException or InvalidOperationException or IndexOutOfRangeException or NotSupportedException)
        {
            throw new WeftFileException(name, 0, $"is not a table: {exception.Message}", exception);
        }
    }

    private int IndexOf(string column)
    {
        int index = Array.IndexOf(_columns, column);
        return index >= 0 ? index : throw new ArgumentException(_columns.Length == 0 ? $"{_name} has no columns." : $"{_name} has no column '{column}'; did you mean '{_columns.MinBy(c => EditDistance.Of(c, column))}'?");
    }
}
