using Weft.Tensors;
using Weft.Training.Data;

namespace Weft.Training.Objectives;

/// <summary>Labels drawn from a model's own predictions: gradients on them estimate the Gauss-Newton matrix.</summary>
public static class DrawnLabels
{
    /// <summary>A label for each row, with the probabilities of softmax. Shapes: logits [N, V], targets [N] -> [N] Int32.</summary>
    /// <param name="logits">The predictions.</param>
    /// <param name="targets">The true labels: where they do not count, drawn ones do not either.</param>
    /// <param name="generator">Draws a number for each row that counts.</param>
    /// <param name="count">How many rows count.</param>
    public static Tensor Draw(Tensor logits, Tensor targets, RandomGenerator generator, out long count)
    {
        int V = logits.Shape[1];
        Tensor labels = Tensor.Uninitialized(targets.Shape, DType.Int32);
        double[] probabilities = new double[V];
        Tensor all = logits.Softmax();                                              // [N, V]
        count = 0;
        for (int i = 0; i < targets.Count; i++)
        {
            if (targets.AsSpan<int>()[i] == TokenBatch.Ignored)
            {
                labels.AsSpan<int>()[i] = TokenBatch.Ignored;
                continue;
            }
            count++;
            if (all.DType == DType.Float32) for (int v = 0; v < V; v++) probabilities[v] = all.AsSpan<float>()[i * V + v];
            else all.AsSpan<double>().Slice(i * V, V).CopyTo(probabilities);
            double left = generator.NextDouble();
            int label = 0;
            while (label < V - 1 && (left -= probabilities[label]) >= 0) label++;
            labels.AsSpan<int>()[i] = label;
        }
        return labels;
    }
}
