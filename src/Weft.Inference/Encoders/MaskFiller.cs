using Weft.Models.Encoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tokenizers;

namespace Weft.Inference.Encoders;

/// <summary>A token that may stand in a gap.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text.</param>
/// <param name="Probability">How likely it is there.</param>
public sealed record FilledToken(int Id, string Text, double Probability);

/// <summary>Fills the gaps of a text with a masked language model.</summary>
public sealed class MaskFiller
{
    private static readonly string[] s_masks = ["[MASK]", "<mask>"];
    private readonly EncoderModel _model;
    private readonly Tokenizer _tokenizer;
    private readonly int _maskId;

    /// <summary>Puts a model and its tokenizer together.</summary>
    /// <exception cref="ArgumentException">The model predicts no words, or the tokenizer has no token for a gap.</exception>
    public MaskFiller(EncoderModel model, Tokenizer tokenizer)
    {
        if (model.Config.Head is not (EncoderHead.MaskedLanguageModel or EncoderHead.Pretraining)) throw new ArgumentException($"MaskFiller: the model's head is {model.Config.Head}; a masked language model is needed.");
        MaskToken = s_masks.FirstOrDefault(mask => tokenizer.TokenId(mask) is not null) ?? throw new ArgumentException($"MaskFiller: the tokenizer has none of {string.Join(", ", s_masks)}.");
        (_model, _tokenizer, _maskId) = (model, tokenizer, tokenizer.TokenId(MaskToken)!.Value);
    }

    /// <summary>How a gap is written in a text: <c>[MASK]</c> or <c>&lt;mask&gt;</c>.</summary>
    public string MaskToken { get; }

    /// <summary>Reads a folder.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static MaskFiller Load(string path) => new(EncoderDirectory.Load(path), Tokenizer.Load(path));

    /// <summary>For each gap of a text, from left to right, its likeliest tokens, the likeliest first.</summary>
    /// <exception cref="ArgumentException">The text has no gap.</exception>
    public FilledToken[][] Fill(string text, int count = 5)
    {
        int[] ids = TextPieces.Encode(_tokenizer, text, _model.Config.ContextLength);
        int[] gaps = [.. Enumerable.Range(0, ids.Length).Where(t => ids[t] == _maskId)];
        if (gaps.Length == 0) throw new ArgumentException($"The text has no {MaskToken}.");
        using GradMode.Restorer mode = GradMode.Off();
        Tensor probabilities = _model.Forward(Tensor.From(ids, [1, ids.Length])).Logits.Select(0, 0).IndexSelect(0, gaps).Softmax(); // [gaps, V]
        return [.. gaps.Select((_, i) =>
        {
            float[] row = probabilities.Select(0, i).To(DType.Float32).ToArray<float>();
            return Enumerable.Range(0, row.Length).Where(id => id < _tokenizer.VocabularySize).OrderByDescending(id => row[id]).Take(count)
                .Select(id => new FilledToken(id, _tokenizer.Decode([id]).Trim(), row[id])).ToArray();
        })];
    }
}
