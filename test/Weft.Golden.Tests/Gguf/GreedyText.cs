using Weft.Inference.Sampling;
using Weft.Models.Decoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests.Gguf;

/// <summary>The likeliest token, again and again, with a cache.</summary>
internal static class GreedyText
{
    /// <summary>The next tokens of a text.</summary>
    /// <param name="model">A float32 model.</param>
    /// <param name="prompt">The text.</param>
    /// <param name="count">How many.</param>
    /// <param name="penalty">The repetition penalty, 1 for none.</param>
    public static int[] Write(DecoderModel model, int[] prompt, int count, double penalty = 1)
    {
        using GradMode.Restorer mode = GradMode.Off();
        ForwardSettings settings = new() { Cache = new KeyValueCache(model.Config, capacity: prompt.Length + count) };
        Sampler sampler = new(new SamplingSettings { Temperature = 0, RepetitionPenalty = penalty });
        List<int> ids = [.. prompt];
        int[] fresh = prompt;
        for (int i = 0; i < count; i++)
        {
            using MemoryScope scope = MemoryScope.Enter();
            Tensor hidden = model.Hidden(Tensor.From(fresh, [1, fresh.Length]), settings);
            float[] logits = model.Logits(hidden.Select(1, fresh.Length - 1)).ToArray<float>();
            fresh = [sampler.Next(logits, ids.ToArray())];
            ids.Add(fresh[0]);
        }
        return [.. ids.Skip(prompt.Length)];
    }
}
