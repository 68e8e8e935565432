using Weft.Tensors;

namespace Weft.Models.Families;

/// <summary>A parameter's elements in another order, as a checkpoint holds them.</summary>
/// <param name="Factors">The parameter's sizes taken apart: [3, H, D, C] for queries, keys and values in one matrix.</param>
/// <param name="Order">Which of them stands where in the checkpoint: [1, 0, 2, 3] for head by head.</param>
/// <param name="Stored">The tensor's shape in the checkpoint.</param>
public sealed record WeightLayout(int[] Factors, int[] Order, int[] Stored);

/// <summary>Where a parameter, or some rows of it, stands in a checkpoint.</summary>
/// <param name="Parameter">The parameter's name in Weft; null for a tensor that only the format needs, which is written as zeros.</param>
/// <param name="Checkpoint">The tensor's name in the checkpoint.</param>
/// <param name="Transposed">Whether the checkpoint holds the matrix as [In, Out].</param>
/// <param name="FirstRow">The first of the rows that this tensor holds.</param>
/// <param name="RowCount">How many rows it holds; 0 means all.</param>
/// <param name="Size">The length of a tensor that only the format needs.</param>
/// <param name="Layout">How the elements are ordered; null for the parameter's own order.</param>
public sealed record WeightMapping(string? Parameter, string Checkpoint, bool Transposed = false, int FirstRow = 0, int RowCount = 0, int Size = 0, WeightLayout? Layout = null)
{
    /// <summary>Whether the checkpoint's tensor is the parameter, or some whole rows of it, in the same order.</summary>
    internal bool IsPlain => !Transposed && Layout is null;

    /// <summary>A parameter, or its gradient, as the checkpoint holds it: a view where one serves.</summary>
    public Tensor ToStored(Tensor parameter)
    {
        Tensor rows = Rows(parameter);
        if (Layout is not null) return rows.Reshape(Layout.Factors).Permute(Layout.Order).Reshape(Layout.Stored);
        return Transposed ? rows.Transpose() : rows;
    }

    /// <summary>The shape that the checkpoint's tensor must have.</summary>
    public Shape StoredShape(Tensor parameter)
    {
        if (Layout is not null) return new Shape(Layout.Stored);
        Shape shape = Rows(parameter).Shape;
        return Transposed ? [shape[1], shape[0]] : shape;
    }

    /// <summary>Fills the parameter's rows from a tensor in the checkpoint's order.</summary>
    public void Fill(Tensor parameter, Tensor stored)
    {
        Tensor rows = Rows(parameter);
        if (Layout is null)
        {
            rows.CopyFrom(Transposed ? stored.Transpose() : stored);
            return;
        }
        int[] back = new int[Layout.Order.Length], sizes = Array.ConvertAll(Layout.Order, i => Layout.Factors[i]);
        for (int i = 0; i < back.Length; i++) back[Layout.Order[i]] = i;
        rows.CopyFrom(stored.Reshape(sizes).Permute(back).Reshape(rows.Shape));
    }

    /// <summary>The rows of the parameter that the checkpoint's tensor holds: a view.</summary>
    internal Tensor Rows(Tensor parameter)
    {
        Tensor all = parameter.Detach();
        return RowCount == 0 ? all : all.Narrow(0, FirstRow, RowCount);
    }
}
