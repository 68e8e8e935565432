#:project ../src/Weft.Inference
// Encoders and encoder-decoders: fill a gap, label a text, translate.
//
//     dotnet run examples/encoders.cs fill FOLDER "Paris is the capital of [MASK]."
//     dotnet run examples/encoders.cs classify FOLDER "What a wonderful film!"
//     dotnet run examples/encoders.cs write FOLDER "translate English to German: The house is wonderful."

using Weft.Inference;
using Weft.Inference.Encoders;

switch (args)
{
    case ["fill", string folder, string text]:
        foreach (FilledToken token in MaskFiller.Load(folder).Fill(text)[0]) Console.WriteLine($"{token.Probability:P1}  {token.Text}");
        break;
    case ["classify", string folder, string text]:
        foreach (LabelScore label in TextClassifier.Load(folder).Classify(text)) Console.WriteLine($"{label.Score:F4}  {label.Label}");
        break;
    case ["write", string folder, string text]:
        Console.WriteLine(SequenceWriter.Load(folder).Write(text, beams: 4));
        break;
    default:
        Console.WriteLine("Say fill, classify or write, then a model's folder and a text.");
        break;
}
