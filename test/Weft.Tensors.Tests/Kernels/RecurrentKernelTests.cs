using Weft.Tensors.Autograd;
using static Weft.Tensors.Tests.Kernels.FusedNodes;

namespace Weft.Tensors.Tests.Kernels;

/// <summary>Recurrent layers in float32, one node for a sequence, against their compositions in float64.</summary>
public sealed class RecurrentKernelTests
{
    private static Tensor Packed((Tensor Output, RecurrentState Final) result)
    {
        Tensor all = Tensor.Concat([result.Output.Flatten(), result.Final.Hidden.Flatten()], 0);
        return result.Final.Cell is { } cell ? Tensor.Concat([all, cell.Flatten()], 0) : all;
    }

    private static Tensor Run(RecurrentCell cell, Tensor[] t, Tensor? lengths, bool reverse) =>
        Packed(t[0].Recurrence(cell, new RecurrentWeights(t[1], t[2], t[3], t[4]), new RecurrentState(t[5], cell == RecurrentCell.Lstm ? t[6] : null), lengths, reverse));

    private static Tensor[] Inputs(RecurrentCell cell, int steps, int rows, int inputs, int hidden)
    {
        int width = cell.GateCount() * hidden;
        double scale = 1 / Math.Sqrt(hidden);
        return [Random([steps, rows, inputs], 1), Random([width, inputs], 2, 0.5), Random([width, hidden], 3, scale), Random([width], 4, 0.5), Random([width], 5, 0.5), Random([rows, hidden], 6), Random([rows, hidden], 7)];
    }

    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(3, 2, 3, 5)]
    [InlineData(5, 4, 7, 16)]
    [InlineData(4, 40, 9, 33)] // split over rows
    [InlineData(7, 12, 20, 70)]
    public void Recurrence_EqualsItsComposition(int steps, int rows, int inputs, int hidden)
    {
        Tensor lengths = Tensor.From([.. Enumerable.Range(0, rows).Select(i => 1 + i * 5 % steps)]);
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
            foreach (bool reverse in (bool[])[false, true])
            {
                Tensor[] all = Inputs(cell, steps, rows, inputs, hidden);
                Check(t => Run(cell, t, null, reverse), all);
                Check(t => Run(cell, t, lengths, reverse), all);
                Check(t => Packed(t[0].Recurrence(cell, new RecurrentWeights(t[1], t[2]), null, lengths, reverse)), all[..3]);
            }
    }

    [Fact]
    public void Recurrence_WithoutARecord_GivesTheSameBits()
    {
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
        {
            Tensor[] all = Inputs(cell, 5, 3, 4, 21), tracked = [.. all.Select(static t => t.Detach().RequireGrad())];
            Assert.Equal(Run(cell, tracked, null, false).Detach().ToArray<float>(), Run(cell, all, null, false).ToArray<float>());
        }
    }

    [Fact]
    public void Recurrence_StepByStep_EqualsTheSequence()
    {
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
        {
            Tensor[] t = Inputs(cell, 6, 3, 4, 21);
            RecurrentWeights weights = new(t[1], t[2], t[3], t[4]);
            RecurrentState? state = null;
            for (int s = 0; s < 6; s++) state = t[0].Narrow(0, s, 1).Recurrence(cell, weights, state).Final;
            RecurrentState whole = t[0].Recurrence(cell, weights).Final;
            Close(whole.Hidden.To(DType.Float64).ToArray<double>(), state!.Value.Hidden.ToArray<float>(), $"{cell}");
        }
    }

    [Fact]
    public void Recurrence_HasSecondDerivatives()
    {
        foreach (RecurrentCell cell in Enum.GetValues<RecurrentCell>())
        {
            Tensor[] narrow = [.. Inputs(cell, 3, 2, 3, 5).Select(static t => t.RequireGrad())], wide = [.. narrow.Select(static t => t.Detach().To(DType.Float64).RequireGrad())];
            foreach (Tensor[] t in (Tensor[][])[narrow, wide])
            {
                Tensor loss = Run(cell, t, null, false).Square().Sum();
                Gradients.Of(loss, t[0], createGraph: true).Square().Sum().Backward();
            }
            double scale = Math.Max(1, wide[2].Grad!.ToArray<double>().Max(Math.Abs));
            Close(Array.ConvertAll(wide[2].Grad!.ToArray<double>(), d => d / scale), Array.ConvertAll(narrow[2].Grad!.ToArray<float>(), d => (float)(d / scale)), $"{cell}");
        }
    }
}
