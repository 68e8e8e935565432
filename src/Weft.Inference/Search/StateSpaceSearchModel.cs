using Weft.Models.StateSpace;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Inference.Search;

/// <summary>A state-space model as a search uses it: each row carries its states, whatever its length.</summary>
/// <param name="model">The model.</param>
/// <param name="promptMask">Which tokens of the prompts are real, row after row: [B, T]; null means all. Shorter prompts are padded on the left.</param>
public sealed class StateSpaceSearchModel(StateSpaceModel model, bool[]? promptMask = null) : SearchModel
{
    private readonly StateSpaceCache _cache = new(model.Config);

    /// <inheritdoc/>
    public override int VocabularySize => model.Config.VocabularySize;

    /// <inheritdoc/>
    public override double[] Next(ReadOnlySpan<int> ids, int rowCount)
    {
        using GradMode.Restorer mode = GradMode.Off();
        int T = ids.Length / rowCount, read = _cache.Count, fresh = T - read;
        int[] rest = new int[rowCount * fresh];
        for (int b = 0; b < rowCount; b++) ids.Slice(b * T + read, fresh).CopyTo(rest.AsSpan(b * fresh));
        if (read == 0 && promptMask is not null && promptMask.Length != rest.Length) throw new ArgumentException($"StateSpaceSearchModel: a mask of {promptMask.Length} for {rowCount} prompts of {fresh} tokens.");
        Tensor? mask = read == 0 && promptMask is not null ? Tensor.From(promptMask, [rowCount, fresh]) : null;
        Tensor logits = model.Forward(Tensor.From(rest, [rowCount, fresh]), new StateSpaceSettings { Cache = _cache, Mask = mask });
        return logits.Select(1, fresh - 1).To(DType.Float64).ToArray<double>();     // [B, V]
    }

    /// <inheritdoc/>
    public override void Reorder(ReadOnlySpan<int> rows) => _cache.Reorder(rows);
}
