using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Tensors;
using Weft.Tokenizers;

namespace Weft.Inference.Tests;

/// <summary>A small random model as a folder, with a tokenizer and a chat template.</summary>
internal static class TinyModel
{
    internal static string Write(string folder, string family, int hiddenSize)
    {
        Tokenizer tokenizer = BytePairTrainer.Train(["Hello hello world wörld, one two three. " + new string('a', 40)], new BytePairTrainerConfig { VocabularySize = 280, SpecialTokens = ["<|im_start|>", "<|im_end|>"] });
        DecoderConfig config = new()
        {
            VocabularySize = 280, ContextLength = 128, HiddenSize = hiddenSize, BlockCount = 2, HeadCount = 4, KeyValueHeadCount = family == "llama" ? 2 : 4, InitializerRange = 0.05,
            FeedForwardSize = hiddenSize, EndOfTextId = tokenizer.TokenId("<|im_end|>"),
        };
        if (family == "llama") config = config with { Positions = PositionScheme.Rotary, Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu, LinearBias = false, TieEmbeddings = false };
        ModelDirectory.Save(new DecoderModel(config).Initialize(new RandomGenerator(7)), folder);
        tokenizer.Save(Path.Combine(folder, "tokenizer.json"));
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"),
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
        return folder;
    }
}
