namespace Weft.Tensors;

/// <summary>How the rows of a bag are combined.</summary>
public enum BagMode
{
    /// <summary>They are averaged.</summary>
    Mean,

    /// <summary>They are added.</summary>
    Sum,

    /// <summary>The largest of each column is taken.</summary>
    Max,
}

/// <summary>Tables of vectors that are looked up several at a time, or kept short.</summary>
public static class EmbeddingBags
{
    /// <summary>Rows of a table combined into one per bag; an empty bag is zeros.</summary>
    /// <remarks>Shapes: weight [V, C], ids [B, N] (each row a bag), or ids [N] with offsets [B] where bags begin -> [B, C].</remarks>
    /// <param name="weight">The table.</param>
    /// <param name="ids">Int32 row numbers.</param>
    /// <param name="offsets">Where each bag begins in the ids; null if the ids are a matrix.</param>
    /// <param name="mode">Mean, sum or maximum.</param>
    /// <param name="sampleWeights">A factor for each id, only with <see cref="BagMode.Sum"/>.</param>
    /// <param name="paddingId">An id that is left out, and does not count in the mean.</param>
    /// <param name="includesLastOffset">Whether the last offset is the end of the last bag, not a beginning.</param>
    public static Tensor EmbeddingBag(this Tensor weight, Tensor ids, Tensor? offsets = null, BagMode mode = BagMode.Mean,
        Tensor? sampleWeights = null, int? paddingId = null, bool includesLastOffset = false)
    {
        if (weight.Rank != 2 || ids.Rank != (offsets is null ? 2 : 1)) throw new ArgumentException($"EmbeddingBag: table {weight.Shape}, ids {ids.Shape}, offsets {offsets?.Shape.ToString() ?? "none"}.");
        if (sampleWeights is not null && (mode != BagMode.Sum || sampleWeights.Shape != ids.Shape)) throw new ArgumentException($"EmbeddingBag: weights {sampleWeights.Shape} for ids {ids.Shape} need mode Sum and the shape of the ids.");
        Indexing.RequireIndex(ids, weight.Shape[0], nameof(EmbeddingBag), weight.Shape);
        (int[] bagOf, int bags) = offsets is null ? (ByRow(ids.Shape), ids.Shape[0]) : ByOffset(offsets.ToArray<int>(), ids.Count, includesLastOffset);
        int[] all = ids.ToArray<int>(), kept = [.. Enumerable.Range(0, all.Length).Where(i => bagOf[i] >= 0 && all[i] != paddingId)];
        Tensor rows = weight.IndexSelect(0, Array.ConvertAll(kept, i => all[i])); // [K, C]
        if (sampleWeights is not null) rows *= sampleWeights.Reshape(sampleWeights.Count).IndexSelect(0, kept).Unsqueeze(1);
        Tensor bag = Tensor.From(Array.ConvertAll(kept, i => bagOf[i]), [kept.Length]);
        if (mode == BagMode.Max)
        {
            Tensor index = bag.Unsqueeze(1).Expand(rows.Shape).Contiguous(); // [K, C]
            return Tensor.Zeros([bags, weight.Shape[1]], weight.DType).ScatterReduce(0, index, rows, ScatterReduction.Max, includeSelf: false);
        }
        Tensor sum = Indexing.IndexSum(rows, 0, bag, bags); // [B, C]
        return mode == BagMode.Sum ? sum : sum / bag.BinCount(bags).To(weight.DType).Maximum(1).Unsqueeze(1);
    }

    /// <summary>Shortens, in place, the rows that the ids name and that are longer than a limit. Only for a table that is not part of a graph.</summary>
    /// <remarks>row · maximum / (norm + 1e-7), as PyTorch's <c>embedding(max_norm)</c>. Shapes: weight [V, C], ids [..].</remarks>
    public static void LimitRowNorms(Tensor weight, Tensor ids, double maximum, double p = 2)
    {
        weight.RequireUnrecorded(nameof(LimitRowNorms));
        Indexing.RequireIndex(ids, weight.Shape[0], nameof(LimitRowNorms), weight.Shape);
        foreach (int id in ids.ToArray<int>().Distinct())
        {
            Tensor row = weight.Detach().Select(0, id);
            double norm = row.Norm(p).Item();
            if (norm > maximum) row.CopyFrom(row * (maximum / (norm + 1e-7)));
        }
    }

    private static int[] ByRow(Shape shape)
    {
        int[] bagOf = new int[shape.Count];
        for (int i = 0; i < bagOf.Length; i++) bagOf[i] = i / shape[1];
        return bagOf;
    }

    private static (int[], int) ByOffset(int[] offsets, int count, bool includesLast)
    {
        int bags = offsets.Length - (includesLast ? 1 : 0);
        int[] bagOf = new int[count];
        Array.Fill(bagOf, -1);
        for (int b = 0; b < bags; b++)
        {
            int end = b + 1 < offsets.Length ? offsets[b + 1] : count;
            if (offsets[b] < 0 || offsets[b] > end || end > count) throw new ArgumentException($"EmbeddingBag: bag {b} runs from {offsets[b]} to {end} of {count} ids.");
            for (int i = offsets[b]; i < end; i++) bagOf[i] = b;
        }
        return (bagOf, bags);
    }
}
