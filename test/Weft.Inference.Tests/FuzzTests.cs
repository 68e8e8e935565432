using System.Buffers.Binary;
using System.Diagnostics;
using Weft.Inference.Conversion;
using Weft.Models.Families.Gguf;
using Weft.Tensors.Files;
using Weft.Tokenizers;

namespace Weft.Inference.Tests;

/// <summary>Ten thousand seeded corruptions of model, tokenizer and template files: each loads or ends in a typed error.</summary>
public sealed class FuzzTests : IDisposable
{
    // What the project promises for any file; the process's own noise is small beside it.
    private const long AllocationFactor = 2, AllocationBase = 64L << 20;

    // A hang, on a machine that is busy with other things.
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("weft-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("model.gguf", 4000)]
    [InlineData("model.safetensors", 2000)]
    [InlineData("config.json", 1000)]
    [InlineData("tokenizer.json", 2000)]
    [InlineData("chat_template.jinja", 1000)]
    public void Load_OfCorruptedFiles_GivesAModelOrATypedError(string file, int count)
    {
        string model = TinyModel.Write(Path.Combine(_folder, "model"), "llama", hiddenSize: 32), path = Path.Combine(model, file);
        if (file == "model.gguf") GgufExport.Write(model, path, GgufMixture.Of("Q4_0"));
        byte[] whole = File.ReadAllBytes(path);
        int loaded = 0;
        for (int seed = 0; seed < count; seed++)
        {
            byte[] damaged = Damage(whole, new Random(seed));
            File.WriteAllBytes(path, damaged);
            long before = GC.GetTotalAllocatedBytes();
            Stopwatch clock = Stopwatch.StartNew();
            try
            {
                LanguageModel language = LanguageModel.Load(file == "model.gguf" ? path : model);
                if (file == "chat_template.jinja") language.ChatTemplate?.Render(ChatTemplateInput.From(("user", "hello")) with { AddGenerationPrompt = true });
                loaded++;
            }
            catch (Exception exception) when (exception is WeftFileException or TokenizerFormatException or ChatTemplateException)
            {
                Assert.DoesNotContain('\n', exception.Message);
            }
            catch (Exception exception)
            {
                Assert.Fail($"{file}, seed {seed}: {exception}");
            }
            long allocated = GC.GetTotalAllocatedBytes() - before;
            Assert.True(allocated <= AllocationFactor * damaged.Length + AllocationBase, $"{file}, seed {seed}: {allocated:N0} bytes for a file of {damaged.Length:N0}.");
            Assert.True(clock.Elapsed < s_hang, $"{file}, seed {seed}: {clock.Elapsed}.");
        }
        Assert.InRange(loaded, 0, count - 1); // some corruption must be noticed
    }

    // One to four of: bytes changed, a number replaced by an extreme one, the end cut off, bytes taken out or put in.
    private static byte[] Damage(byte[] whole, Random random)
    {
        List<byte> bytes = [.. whole];
        for (int edit = random.Next(1, 5); edit > 0 && bytes.Count > 8; edit--)
        {
            // Headers hold the sizes, so half of the edits go there.
            int at = random.Next(2) == 0 ? random.Next(Math.Min(bytes.Count - 8, 2048)) : random.Next(bytes.Count - 8);
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2:
                    byte[] number = new byte[8];
                    ulong[] extremes = [0, 1, 0x7FFFFFFF, 0x80000000, uint.MaxValue, long.MaxValue, ulong.MaxValue, 1UL << random.Next(64)];
                    BinaryPrimitives.WriteUInt64LittleEndian(number, extremes[random.Next(extremes.Length)]);
                    for (int i = 0; i < (random.Next(2) == 0 ? 4 : 8); i++) bytes[at + i] = number[i];
                    break;
                case 3: bytes.RemoveRange(at, bytes.Count - at); break;
                case 4: bytes.RemoveRange(at, random.Next(1, 8)); break;
                default: bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - 8), random.Next(1, 8))); break;
            }
        }
        return [.. bytes];
    }
}
