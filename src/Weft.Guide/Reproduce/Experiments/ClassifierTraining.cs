using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Training.Optimizers;

namespace Weft.Guide.Reproduce.Experiments;

/// <summary>What experiments with classifiers have in common: passes over examples in a new order each, and counting what is right.</summary>
internal static class ClassifierTraining
{
    /// <summary>Makes whole passes over the examples, an update for each batch.</summary>
    /// <param name="parameters">What learns.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="loss">The loss of the examples of the given numbers.</param>
    /// <param name="count">The number of examples.</param>
    /// <param name="batchSize">Examples per update; a last smaller batch counts.</param>
    /// <param name="epochs">Passes.</param>
    /// <param name="rate">The rate of an update, given the part of all updates that is done.</param>
    /// <param name="progress">Told the epoch and its mean loss.</param>
    /// <param name="cancellation">Ends it.</param>
    internal static void Run(
        IReadOnlyList<Tensor> parameters, Optimizer optimizer, Func<int[], Tensor> loss, int count, int batchSize, int epochs, Func<double, double> rate, IProgress<string> progress, CancellationToken cancellation)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        long updates = (long)epochs * ((count + batchSize - 1) / batchSize), made = 0;
        foreach (Tensor parameter in parameters) parameter.ClearGrad();
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            new RandomGenerator((ulong)epoch, stream: 20).Shuffle(order.AsSpan());
            double sum = 0;
            for (int start = 0; start < count; start += batchSize)
            {
                cancellation.ThrowIfCancellationRequested();
                int[] batch = order[start..Math.Min(start + batchSize, count)];
                using MemoryScope scope = MemoryScope.Enter();
                Tensor value = loss(batch);
                value.Backward(releaseActivations: true);
                sum += value.Item() * batch.Length;
                optimizer.Step(rate((double)made++ / updates));
                optimizer.ClearGradients();
            }
            progress.Report($"epoch {epoch + 1} of {epochs}, loss {sum / count:F4}");
        }
    }

    /// <summary>The share of examples whose highest logit is the true class's, and the mean loss; nothing is recorded.</summary>
    internal static (double Accuracy, double Loss) Evaluate(Func<Tensor, Tensor> logits, Tensor inputs, Tensor classes)
    {
        const int Batch = 500;
        using GradMode.Restorer mode = GradMode.Off();
        double right = 0, loss = 0;
        for (int start = 0; start < inputs.Shape[0]; start += Batch)
        {
            int n = Math.Min(Batch, inputs.Shape[0] - start);
            using MemoryScope scope = MemoryScope.Enter();
            Tensor output = logits(inputs.Narrow(0, start, n)), truth = classes.Narrow(0, start, n);
            loss += output.CrossEntropy(truth).Item() * n;
            float[] values = output.ToArray<float>();
            int[] labels = truth.ToArray<int>();
            int width = values.Length / n;
            for (int i = 0; i < n; i++)
            {
                ReadOnlySpan<float> row = values.AsSpan(i * width, width);
                if (System.Numerics.Tensors.TensorPrimitives.IndexOfMax(row) == labels[i]) right++;
            }
        }
        return (right / inputs.Shape[0], loss / inputs.Shape[0]);
    }
}
