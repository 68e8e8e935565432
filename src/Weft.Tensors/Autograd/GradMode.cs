namespace Weft.Tensors.Autograd;

/// <summary>Whether operations on this thread are recorded for backward passes.</summary>
public static class GradMode
{
    [ThreadStatic] private static bool t_disabled;
    [ThreadStatic] private static bool t_anomalies;

    /// <summary>Whether operations are being recorded on this thread.</summary>
    public static bool IsEnabled => !t_disabled;

    internal static bool DetectsAnomalies => t_anomalies;

    /// <summary>Until disposed, nothing is recorded on this thread: for evaluation, generation and updates of parameters.</summary>
    public static Restorer Off() => Set(enabled: false, t_anomalies);

    /// <summary>Until disposed, operations are recorded on this thread, even inside <see cref="Off"/>.</summary>
    public static Restorer On() => Set(enabled: true, t_anomalies);

    /// <summary>
    /// Until disposed, every recorded operation and every gradient is checked, and the first NaN or infinity throws with the
    /// name of the operation that made it. Slow: for finding a fault, not for training.
    /// </summary>
    public static Restorer DetectAnomalies() => Set(IsEnabled, anomalies: true);

    /// <summary>Whether an operation on these inputs has to be recorded.</summary>
    internal static bool Records(Tensor a) => !t_disabled && a.Tracks;

    /// <inheritdoc cref="Records(Tensor)"/>
    internal static bool Records(Tensor a, Tensor? b) => !t_disabled && (a.Tracks || b is { Tracks: true });

    /// <inheritdoc cref="Records(Tensor)"/>
    internal static bool Records(Tensor a, Tensor? b, Tensor? c) => !t_disabled && (a.Tracks || b is { Tracks: true } || c is { Tracks: true });

    internal static Restorer Set(bool enabled, bool anomalies)
    {
        Restorer restorer = new(t_disabled, t_anomalies);
        t_disabled = !enabled;
        t_anomalies = anomalies;
        return restorer;
    }

    /// <summary>Restores the earlier mode when disposed.</summary>
    public readonly ref struct Restorer
    {
        private readonly bool _disabled, _anomalies;

        internal Restorer(bool disabled, bool anomalies) => (_disabled, _anomalies) = (disabled, anomalies);

        /// <summary>Makes the earlier mode current again.</summary>
        public void Dispose() => (t_disabled, t_anomalies) = (_disabled, _anomalies);
    }
}

/// <summary>A NaN or an infinity appeared while <see cref="GradMode.DetectAnomalies"/> was watching.</summary>
public sealed class AnomalyException(string message) : ArithmeticException(message);

internal static class Anomaly
{
    internal static void CheckForward(Node node)
    {
        if (!IsFinite(node.Output)) throw new AnomalyException($"{node.Operation} made a value that is not finite (its output has shape {node.Output.Shape}).");
    }

    internal static void CheckBackward(Node node, int input, Tensor gradient)
    {
        if (!IsFinite(gradient)) throw new AnomalyException($"The backward of {node.Operation} made a gradient that is not finite (input {input} of shape {gradient.Shape}).");
    }

    private static bool IsFinite(Tensor tensor)
    {
        if (!tensor.DType.IsFloating()) return true;
        foreach (double value in tensor.DType == DType.Float64 ? tensor.ToArray<double>() : Array.ConvertAll(tensor.ToArray<float>(), static v => (double)v))
            if (!double.IsFinite(value)) return false;
        return true;
    }
}
