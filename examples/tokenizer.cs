#:project ../src/Weft.Tokenizers
// Tokenizers: train byte-level BPE on a few lines, save it as tokenizer.json, load it, and look at what it does.
//
//     dotnet run examples/tokenizer.cs

using Weft.Tokenizers;

string[] lines = [.. Enumerable.Repeat("she sells sea shells by the sea shore", 20), "and the shells she sells are sea shells, I'm sure 🐚"];
BytePairTokenizer trained = BytePairTrainer.Train(lines, new BytePairTrainerConfig { VocabularySize = 300 });

string file = Path.Combine(Path.GetTempPath(), "weft-example-tokenizer.json");
trained.Save(file);
Tokenizer tokenizer = Tokenizer.Load(file);
File.Delete(file);

int[] ids = [.. tokenizer.Encode("sea shells 🐚")];
Console.WriteLine($"{ids.Length} tokens: {string.Join(' ', ids)}");

// One token at a time: a character that spans several tokens comes out whole.
IncrementalDecoder decoder = tokenizer.CreateDecoder();
foreach (int id in ids) Console.WriteLine($"{id,5}  '{decoder.Append(id)}'");
