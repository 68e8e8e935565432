using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tokenizers;

namespace Weft.Inference;

/// <summary>A model and the tokenizer that it was trained with.</summary>
public sealed class LanguageModel
{
    /// <summary>Puts the two together.</summary>
    /// <exception cref="ArgumentException">The tokenizer has ids that the model does not know.</exception>
    public LanguageModel(DecoderModel model, Tokenizer tokenizer)
    {
        if (tokenizer.VocabularySize > model.Config.VocabularySize)
            throw new ArgumentException($"The tokenizer has {tokenizer.VocabularySize} tokens, but the model only {model.Config.VocabularySize}.");
        (Model, Tokenizer) = (model, tokenizer);
    }

    /// <summary>The network.</summary>
    public DecoderModel Model { get; }

    /// <summary>From text to token ids and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The id that ends a text; null where there is none.</summary>
    public int? EndOfTextId => Model.Config.EndOfTextId;

    /// <summary>Reads a folder in the Hugging Face layout: <c>config.json</c>, <c>model.safetensors</c>, <c>tokenizer.json</c>.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static LanguageModel Load(string path, DType dtype = DType.Float32) => new(ModelDirectory.Load(path, dtype), Tokenizer.Load(path));
}
