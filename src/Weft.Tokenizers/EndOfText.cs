namespace Weft.Tokenizers;

/// <summary>Finds the token that ends a document by the names that published vocabularies give it.</summary>
internal static class EndOfText
{
    // GPT-2, Llama 3, Llama 2 and T5, Gemma, Mistral-Tekken and BLOOM use the first five in this order of frequency.
    private static readonly string[] Names = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<|im_end|>"];

    public static int? Find(Tokenizer tokenizer)
    {
        foreach (string name in Names)
            if (tokenizer.TokenId(name) is int id)
                return id;
        return null;
    }
}
