using System.Globalization;
using Weft.Tensors.Quantization;

namespace Weft.Models.Families.Gguf;

/// <summary>Which type each tensor of a file gets: a name such as <c>Q4_K_M</c> stands for a choice per tensor, not for one type.</summary>
/// <remarks>
/// The choices are llama.cpp's (<c>llama_tensor_get_type</c>, MIT licence, the ggml authors): the head, and in the <c>_M</c> mixtures the values and the
/// contracting maps of some blocks, get more bits, because errors there cost most. Vectors, norms and position tables stay F32. Rows that do not fill
/// blocks of 256 fall back to a type with blocks of 32.
/// </remarks>
/// <param name="Name">The name.</param>
/// <param name="FileType">The number under <c>general.file_type</c>.</param>
/// <param name="Type">The type of most matrices.</param>
public sealed record GgufMixture(string Name, int FileType, GgufType Type)
{
    /// <summary>All mixtures that can be written.</summary>
    public static IReadOnlyList<GgufMixture> All { get; } =
    [
        new("F32", 0, GgufType.F32), new("F16", 1, GgufType.F16), new("BF16", 32, GgufType.BF16), new("Q8_0", 7, GgufType.Q8_0),
        new("Q4_0", 2, GgufType.Q4_0), new("Q4_1", 3, GgufType.Q4_1), new("Q5_0", 8, GgufType.Q5_0), new("Q5_1", 9, GgufType.Q5_1),
        new("Q4_K_S", 14, GgufType.Q4_K), new("Q4_K_M", 15, GgufType.Q4_K), new("Q5_K_S", 16, GgufType.Q5_K), new("Q5_K_M", 17, GgufType.Q5_K), new("Q6_K", 18, GgufType.Q6_K),
        new("IQ4_NL", 25, GgufType.IQ4_NL), new("IQ4_XS", 30, GgufType.IQ4_XS), new("MXFP4", 38, GgufType.MXFP4),
    ];

    /// <summary>The mixture of a name, in any case.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static GgufMixture Of(string name) => All.FirstOrDefault(m => m.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"The type '{name}' is not known; known are {string.Join(", ", All.Select(static m => m.Name))}.");

    private bool IsMedium => Name.EndsWith("_M", StringComparison.Ordinal);

    private bool IsFloat => Type is GgufType.F32 or GgufType.F16 or GgufType.BF16;

    /// <summary>The type of a tensor.</summary>
    /// <param name="tensor">Its name in the file.</param>
    /// <param name="shape">Its dimensions, outermost first.</param>
    /// <param name="blockCount">L.</param>
    /// <param name="groupSize">Query heads per key-value head.</param>
    /// <param name="tiedHead">Whether the token embedding is the head too.</param>
    /// <param name="hasImportance">Whether an importance matrix is used.</param>
    public GgufType TypeOf(string tensor, ReadOnlySpan<int> shape, int blockCount, int groupSize, bool tiedHead, bool hasImportance)
    {
        if (shape.Length < 2 || !tensor.EndsWith(".weight", StringComparison.Ordinal) || tensor.Contains("norm", StringComparison.Ordinal) || tensor.StartsWith("position_embd", StringComparison.Ordinal)) return GgufType.F32;
        if (IsFloat) return Type;
        int width = shape[^1];
        if (tensor == "output.weight" || (tiedHead && tensor == "token_embd.weight")) return Type == GgufType.Q8_0 || width % 256 != 0 ? Fit(GgufType.Q8_0, width) : GgufType.Q6_K;
        return Fit(Chosen(tensor, blockCount, groupSize, hasImportance), width);
    }

    private GgufType Chosen(string tensor, int blockCount, int groupSize, bool hasImportance)
    {
        int block = tensor.StartsWith("blk.", StringComparison.Ordinal) && int.TryParse(tensor.AsSpan(4, Math.Max(0, tensor.IndexOf('.', 4) - 4)), CultureInfo.InvariantCulture, out int number) ? number : 0;
        bool more = block < blockCount / 8 || block >= 7 * blockCount / 8 || (block - blockCount / 8) % 3 == 2, early = block < blockCount / 8;
        if (tensor.EndsWith("attn_v.weight", StringComparison.Ordinal))
        {
            if (IsMedium && more) return GgufType.Q6_K;
            if (Name == "Q4_K_S" && block < 4) return GgufType.Q5_K;
            if (Type is GgufType.IQ4_NL or GgufType.IQ4_XS && groupSize >= 4) return GgufType.Q5_K;
        }
        else if (tensor.EndsWith("attn_qkv.weight", StringComparison.Ordinal) && IsMedium)
        {
            return Type == GgufType.Q4_K ? GgufType.Q5_K : GgufType.Q6_K;
        }
        else if (tensor.EndsWith("ffn_down.weight", StringComparison.Ordinal))
        {
            if (IsMedium && more) return GgufType.Q6_K;
            if (early && ((Type is GgufType.IQ4_NL or GgufType.IQ4_XS && !hasImportance) || Name == "Q4_K_S")) return GgufType.Q5_K;
            if (early && hasImportance && Type is GgufType.Q4_0) return GgufType.Q4_1;
            if (early && hasImportance && Type is GgufType.Q5_0) return GgufType.Q5_1;
        }
        return Type;
    }

    // Rows that do not fill the blocks get the next better type with smaller ones.
    private static GgufType Fit(GgufType type, int width)
    {
        if (width % type.BlockValues() != 0)
        {
            type = type switch
            {
                GgufType.Q4_K => GgufType.Q5_0,
                GgufType.Q5_K => GgufType.Q5_1,
                GgufType.Q6_K => GgufType.Q8_0,
                GgufType.IQ4_XS => GgufType.IQ4_NL,
                _ => type,
            };
        }
        return width % type.BlockValues() == 0 ? type : GgufType.F16;
    }
}
