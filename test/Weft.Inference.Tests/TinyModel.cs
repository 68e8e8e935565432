using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Layers;
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
            VocabularySize = 280, ContextLength = 128, HiddenSize = hiddenSize, BlockCount = 2, HeadCount = 4, KeyValueHeadCount = family == "gpt2" ? 4 : 2, InitializerRange = 0.05,
            FeedForwardSize = hiddenSize, EndOfTextId = tokenizer.TokenId("<|im_end|>"),
        };
        if (family != "gpt2") config = config with { Positions = PositionScheme.Rotary, Normalization = NormalizationKind.RmsNorm, FeedForward = FeedForwardKind.SwiGlu, LinearBias = false, TieEmbeddings = false };
        if (family == "llama3") config = config with { RotaryBase = 500_000, RotaryScaling = new() { Kind = RotaryScalingKind.Llama3, Factor = 32, OriginalContext = 8192 } };
        if (family == "qwen2") config = config with { Attention = new AttentionConfig { QueryKeyValueBias = true, OutputBias = false } };
        if (family == "gemma")
        {
            config = config with
            {
                HeadSize = 32, TieEmbeddings = true, Normalization = NormalizationKind.RmsNormPlusOne, EmbeddingMultiplier = Math.Sqrt(hiddenSize),
                FeedForward = FeedForwardKind.Gated, Activation = ActivationKind.GeluTanh, FeedForwardBias = false,
            };
        }
        DecoderModel model = new DecoderModel(config).Initialize(new RandomGenerator(7));
        // What starts at 0 (offsets, and gains as differences from 1) would not show if it were lost. Of gains to which GGUF adds 1, float32 has more bits than survive that.
        foreach (Tensor parameter in model.Parameters.Where(static p => p.Rank == 1 && p.AsSpan<float>().IndexOfAnyExcept(0f) < 0))
            for (int i = 0; i < parameter.Count; i++) parameter.AsSpan<float>()[i] = (i % 13 - 6) / (family == "gemma" ? 65f : 64f);
        ModelDirectory.Save(model, folder);
        tokenizer.Save(Path.Combine(folder, "tokenizer.json"));
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"),
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
        return folder;
    }
}
