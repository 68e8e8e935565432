using Weft.Models.Encoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tokenizers;

namespace Weft.Inference.Encoders;

/// <summary>A label and how sure the model is of it.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Score">A probability; of a regression the value itself.</param>
public sealed record LabelScore(string Label, double Score);

/// <summary>Says which labels a text has, with an encoder that was trained for it.</summary>
public sealed class TextClassifier
{
    private readonly EncoderModel _model;
    private readonly Tokenizer _tokenizer;

    /// <summary>Puts a model and its tokenizer together.</summary>
    /// <exception cref="ArgumentException">The model does not classify.</exception>
    public TextClassifier(EncoderModel model, Tokenizer tokenizer)
    {
        if (model.Config.Head is not (EncoderHead.SequenceClassification or EncoderHead.TokenClassification)) throw new ArgumentException($"TextClassifier: the model's head is {model.Config.Head}; a classifier is needed.");
        (_model, _tokenizer) = (model, tokenizer);
    }

    /// <summary>Whether each token has a label, rather than the text.</summary>
    public bool LabelsTokens => _model.Config.Head == EncoderHead.TokenClassification;

    /// <summary>Reads a folder.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static TextClassifier Load(string path) => new(EncoderDirectory.Load(path), Tokenizer.Load(path));

    /// <summary>The labels of a text, the surest first.</summary>
    /// <exception cref="InvalidOperationException">The model labels tokens.</exception>
    public LabelScore[] Classify(string text)
    {
        if (LabelsTokens) throw new InvalidOperationException("TextClassifier: the model labels tokens; call Tag.");
        return Scores(Logits(TextPieces.Encode(_tokenizer, text, _model.Config.ContextLength)).Select(0, 0));
    }

    /// <summary>Each token of a text with its surest label, the tokens that begin and end the text included.</summary>
    /// <exception cref="InvalidOperationException">The model labels texts.</exception>
    public (string Token, LabelScore Label)[] Tag(string text)
    {
        if (!LabelsTokens) throw new InvalidOperationException("TextClassifier: the model labels texts; call Classify.");
        int[] ids = TextPieces.Encode(_tokenizer, text, _model.Config.ContextLength);
        Tensor logits = Logits(ids).Select(0, 0);                                   // [T, labels]
        return [.. ids.Select((id, t) => (_tokenizer.Token(id), Scores(logits.Select(0, t))[0]))];
    }

    private Tensor Logits(int[] ids)
    {
        using GradMode.Restorer mode = GradMode.Off();
        return _model.Forward(Tensor.From(ids, [1, ids.Length])).Logits;
    }

    private LabelScore[] Scores(Tensor logits)
    {
        int count = _model.Config.LabelCount;
        Tensor scores = count == 1 ? logits : _model.Config.MultiLabel ? logits.Sigmoid() : logits.Softmax();
        return [.. Enumerable.Range(0, count).Select(i => new LabelScore(_model.Config.Labels is { } names && i < names.Count ? names[i] : $"LABEL_{i}", scores[i])).OrderByDescending(static s => s.Score)];
    }
}
