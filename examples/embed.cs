#:project ../src/Weft.Inference
// Sentence embeddings: which of these sentences mean the same?
//
//     dotnet run examples/embed.cs PATH-TO-all-MiniLM-L6-v2

using Weft.Inference.Encoders;
using Weft.Tensors;

if (args.Length == 0)
{
    Console.WriteLine("Give the folder of a sentence encoder, such as all-MiniLM-L6-v2.");
    return;
}
string[] texts = ["How do I reset my password?", "I forgot my password, how can I change it?", "Bananas are rich in potassium."];
SentenceEncoder encoder = SentenceEncoder.Load(args[0]);
Tensor vectors = encoder.Encode(texts);                  // [3, C], each of length 1
Tensor similarity = vectors.MatMul(vectors.Transpose()); // cosines, [3, 3]
for (int i = 0; i < texts.Length; i++)
    for (int j = 0; j < i; j++)
        Console.WriteLine($"{similarity[i, j]:F3}  {texts[i]}  |  {texts[j]}");
