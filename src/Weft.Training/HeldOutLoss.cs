using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Training.Data;
using Weft.Training.Objectives;

namespace Weft.Training;

/// <summary>Measures a model on text that it has not learned from.</summary>
public static class HeldOutLoss
{
    /// <summary>The mean of -log p(token) over every token of the rows but each row's first, in nats per token.</summary>
    /// <param name="model">The model; nothing is recorded and no dropout applied.</param>
    /// <param name="rows">At most T + 1 tokens each, T being the context length.</param>
    /// <param name="batchSize">Rows computed at once. The result does not depend on it beyond rounding.</param>
    /// <param name="limit">If above 0: only that many rows, spread evenly.</param>
    public static double Measure(DecoderModel model, IReadOnlyList<ReadOnlyMemory<int>> rows, int batchSize, int limit = 0)
    {
        int count = limit > 0 ? Math.Min(limit, rows.Count) : rows.Count;
        if (count == 0) throw new ArgumentException("There is no held-out text to measure on.");
        TokenBatch batch = new(Math.Min(batchSize, count), model.Config.ContextLength);
        double sum = 0;
        long tokens = 0;
        using GradMode.Restorer mode = GradMode.Off();
        for (int first = 0; first < count; first += batch.BatchSize)
        {
            batch.Targets.Fill(TokenBatch.Ignored);
            long counted = 0;
            for (int b = 0; b < batch.BatchSize && first + b < count; b++)
            {
                ReadOnlySpan<int> row = rows[(int)((long)(first + b) * rows.Count / count)].Span;
                batch.SetRow(b, row);
                counted += row.Length - 1;
            }
            using MemoryScope scope = MemoryScope.Enter();
            sum += NextTokenObjective.Loss(model, batch).Item() * counted;
            tokens += counted;
        }
        return sum / tokens;
    }
}
