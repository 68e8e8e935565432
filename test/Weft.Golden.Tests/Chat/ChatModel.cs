using Weft.Inference;
using Weft.Models.Families.Gguf;
using Weft.Tensors;

namespace Weft.Golden.Tests.Chat;

/// <summary>The chat model of the shared folder, read once for each way to compute.</summary>
internal static class ChatModel
{
    private static readonly Lazy<LanguageModel> s_exact = new(static () => LanguageModel.Load(File())), s_int8 = new(static () => LanguageModel.Load(File(), compute: ComputePath.Int8));

    public static LanguageModel Exact => s_exact.Value;

    public static LanguageModel Int8 => s_int8.Value;

    /// <summary>In double precision it takes a gigabyte, so it is not kept.</summary>
    public static LanguageModel LoadDouble() => LanguageModel.Load(File(), DType.Float64);

    private static string File() => SharedFolder.Require("models", "smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf");
}
