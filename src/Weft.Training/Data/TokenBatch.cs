using Weft.Tensors;

namespace Weft.Training.Data;

/// <summary>Rows of tokens and, for each, the token that follows.</summary>
/// <remarks>The memory is filled anew for each micro-step. Shapes: both [B, T] Int32.</remarks>
public sealed class TokenBatch
{
    /// <summary>The target of a position that does not count.</summary>
    public const int Ignored = -100;

    /// <summary>Makes an empty batch of B rows of T tokens.</summary>
    public TokenBatch(int batchSize, int length)
    {
        using MemoryScope.Suspension outside = MemoryScope.Suspend();
        Inputs = Tensor.Zeros([batchSize, length], DType.Int32);
        Targets = Tensor.Full([batchSize, length], Ignored, DType.Int32);
    }

    /// <summary>Token ids, [B, T].</summary>
    public Tensor Inputs { get; }

    /// <summary>The id that follows each input, or <see cref="Ignored"/>, [B, T].</summary>
    public Tensor Targets { get; }

    /// <summary>B: the number of rows.</summary>
    public int BatchSize => Inputs.Shape[0];

    /// <summary>T: the length of a row.</summary>
    public int Length => Inputs.Shape[1];

    /// <summary>Writes one row: inputs tokens[..^1], targets tokens[1..]; what is left of the row does not count.</summary>
    /// <param name="row">Which row.</param>
    /// <param name="tokens">At least 2 and at most T + 1 ids.</param>
    public void SetRow(int row, ReadOnlySpan<int> tokens)
    {
        int n = tokens.Length - 1;
        Span<int> inputs = Inputs.AsSpan<int>().Slice(row * Length, Length), targets = Targets.AsSpan<int>().Slice(row * Length, Length);
        tokens[..n].CopyTo(inputs);
        tokens[1..].CopyTo(targets);
        inputs[n..].Fill(tokens[n]);
        targets[n..].Fill(Ignored);
    }
}
