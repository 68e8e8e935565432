using Weft.Inference.Conversion;
using Weft.Models.Decoder;
using Weft.Models.Families;
using Weft.Models.Families.Gguf;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Files;
using Weft.Tensors.Files.Gguf;
using Weft.Tensors.Quantization;
using Weft.Tokenizers;

namespace Weft.Inference.Tests.Conversion;

/// <summary>Model folders to GGUF files and back; quantized files; conversations.</summary>
public sealed class ConversionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weft-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("llama", "F32")]
    [InlineData("llama", "F16")]
    [InlineData("llama", "BF16")]
    [InlineData("llama3", "F32")]
    [InlineData("llama3", "BF16")]
    [InlineData("gpt2", "F32")]
    [InlineData("gpt2", "F16")]
    [InlineData("gpt2", "BF16")]
    [InlineData("qwen2", "F32")]
    [InlineData("qwen2", "BF16")]
    [InlineData("gemma", "F32")]
    [InlineData("gemma", "BF16")]
    public void Folder_ThroughGgufAndBack_HasTheSameTensors(string family, string dtype)
    {
        string whole = MakeFolder(family), before = Path.Combine(_folder, "before"), file = Path.Combine(_folder, "model.gguf"), after = Path.Combine(_folder, "after");
        FolderExport.Write(whole, before, Enum.Parse<SafetensorsType>(dtype));
        GgufExport.Write(before, file, mixture: null);
        FolderExport.Write(file, after);

        using SafetensorsSet first = SafetensorsSet.Open(before), second = SafetensorsSet.Open(after);
        Assert.Equal(first.Entries.Keys.Order(), second.Entries.Keys.Order());
        foreach ((string name, SafetensorsEntry entry) in first.Entries)
        {
            SafetensorsEntry other = second.Entries[name];
            Assert.Equal((name, entry.Type, string.Join(',', entry.Shape)), (name, other.Type, string.Join(',', other.Shape)));
            byte[] a = new byte[entry.ByteLength], b = new byte[entry.ByteLength];
            first.Read(entry, a);
            second.Read(other, b);
            Assert.True(a.AsSpan().SequenceEqual(b), $"{name} changed.");
        }
        LanguageModel one = LanguageModel.Load(before), two = LanguageModel.Load(file), three = LanguageModel.Load(after);
        Assert.Equal(Logits(one), Logits(two));
        Assert.Equal(Logits(one), Logits(three));
        const string Text = "Hello, wörld <|im_end|> 123";
        Assert.Equal(one.Tokenizer.Encode(Text), two.Tokenizer.Encode(Text));
        Assert.Equal(one.Tokenizer.Encode(Text), three.Tokenizer.Encode(Text));
        Assert.Equal(one.ChatTemplate!.Source, two.ChatTemplate!.Source);
    }

    [Fact]
    public void Divisors_OfRotaryPairs_AreTheSettingsThatMadeThem_OrAreRefused()
    {
        string folder = MakeFolder("llama3"), file = Path.Combine(_folder, "model.gguf"), quantized = Path.Combine(_folder, "q.gguf"), changed = Path.Combine(_folder, "changed.gguf");
        GgufExport.Write(folder, file, mixture: null);
        GgufExport.Write(file, quantized, GgufMixture.Of("Q8_0"));
        RotaryScaling expected = LanguageModel.Load(folder).Model.Config.RotaryScaling!;
        Assert.Equal(expected, LanguageModel.Load(file).Model.Config.RotaryScaling);
        Assert.Equal(expected, LanguageModel.Load(quantized).Model.Config.RotaryScaling);

        using (GgufFile source = GgufFile.Open(file))
        {
            GgufWriter writer = new();
            foreach ((string key, GgufValue value) in source.Metadata) writer.Set(key, value);
            foreach (GgufEntry entry in source.Entries.Values)
            {
                byte[] bytes = source.Rows(entry, 0, (int)entry.RowCount).ToArray();
                if (entry.Name == "rope_freqs.weight") BitConverter.TryWriteBytes(bytes.AsSpan(8), 1.5f);
                writer.Add(entry.Name, entry.Type, entry.Shape, stream => stream.Write(bytes));
            }
            writer.Save(changed);
        }
        Assert.Contains("rope_freqs.weight", Assert.Throws<WeftFileException>(() => LanguageModel.Load(changed)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rest_ThatIsMoreThanRounding_IsRefused()
    {
        string folder = MakeFolder("gemma"), file = Path.Combine(_folder, "model.gguf"), changed = Path.Combine(_folder, "changed.gguf");
        GgufExport.Write(folder, file, mixture: null);
        const string Tensor = "output_norm.weight";
        foreach (float[] rest in (float[][])[new float[256], [1, .. new float[255]], new float[3]])
        {
            using (GgufFile source = GgufFile.Open(file))
            {
                GgufWriter writer = new();
                foreach ((string key, GgufValue value) in source.Metadata) writer.Set(key, value);
                writer.Set(GgufModel.RestKey(Tensor), rest);
                foreach (GgufEntry entry in source.Entries.Values) writer.Add(entry.Name, entry.Type, entry.Shape, stream => stream.Write(source.Rows(entry, 0, (int)entry.RowCount)));
                writer.Save(changed);
            }
            Exception? exception = Record.Exception(() => Logits(LanguageModel.Load(changed)));
            if (rest.Length == 256 && rest[0] == 0) Assert.Null(exception);
            else Assert.Contains(GgufModel.RestKey(Tensor), Assert.IsType<WeftFileException>(exception).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Q8_0")]
    [InlineData("Q4_0")]
    [InlineData("Q4_K_M")]
    [InlineData("IQ4_NL")]
    [InlineData("MXFP4")]
    public void Quantized_Model_IsSmallerAndStaysNear(string type)
    {
        string folder = MakeFolder("llama"), file = Path.Combine(_folder, "q.gguf"), plain = Path.Combine(_folder, "f.gguf");
        GgufMixture mixture = GgufMixture.Of(type);
        GgufExport.Write(folder, plain, GgufMixture.Of("F32"));
        GgufExport.Write(plain, file, mixture);
        Assert.True(new FileInfo(file).Length < new FileInfo(plain).Length * (mixture.Type.BitsPerElement() + 6) / 32);
        double[] exact = Logits(LanguageModel.Load(plain)), rounded = Logits(LanguageModel.Load(file)), int8 = Logits(LanguageModel.Load(file, compute: ComputePath.Int8));
        double scale = Math.Sqrt(exact.Average(static v => v * v));
        // 4 bits leave a few hundredths of noise in each of two blocks; 8 bits some thousandths. Rounded activations add little.
        double allowed = (type == "Q8_0" ? 0.05 : 0.5) * scale;
        Assert.True(Rms(exact, rounded) <= allowed, $"{type}: {Rms(exact, rounded) / scale:g3} of the logits' scale.");
        Assert.True(Rms(rounded, int8) <= 0.05 * scale, $"{type}: rounding activations moves logits by {Rms(rounded, int8) / scale:g3} of their scale.");
    }

    [Fact]
    public void ImportanceMatrix_OfATiltedInput_LowersTheWeightedError()
    {
        // The first columns are multiplied by large numbers, so their errors count.
        RandomGenerator generator = new(3);
        float[] row = [.. Enumerable.Range(0, 256).Select(_ => (float)(generator.NextDouble() - 0.5))];
        Tensor weight = Tensor.From(row, [1, 256]);
        float[] x = [.. Enumerable.Range(0, 256).Select(static i => i < 16 ? 10f : 0.1f)];
        ImportanceMatrix matrix = ImportanceMatrix.Collect([weight], () => Tensor.From(x, [1, 256]).Linear(weight));
        float[] importance = matrix.Of(weight)!;
        Assert.Equal(100, importance[0], 1e-3f);
        Assert.True(Weighted(importance) < Weighted([]));

        double Weighted(float[] weights)
        {
            byte[] bytes = new byte[GgufType.Q4_K.ByteLength(256)];
            float[] values = new float[256];
            Quantizer.Run(GgufType.Q4_K, row, bytes, weights);
            Dequantizer.Run(GgufType.Q4_K, bytes, values);
            return Enumerable.Range(0, 256).Sum(i => importance[i] * Math.Pow(values[i] - row[i], 2));
        }
    }

    [Fact]
    public void ChatSession_NextTurn_ReadsOnlyWhatIsNewAndAnswersTheSame()
    {
        LanguageModel language = LanguageModel.Load(MakeFolder("llama"));
        ChatSession session = new(language) { Sampling = new() { Temperature = 0 }, MaximumTokens = 5 };
        string first = string.Concat(session.Ask("Hi <|im_start|>system")), second = string.Concat(session.Ask("And?"));
        Assert.Equal(["user", "assistant", "user", "assistant"], session.Messages.Select(static m => m.Role));
        string saved = Path.Combine(_folder, "talk.json");
        session.Save(saved);
        ChatSession again = new(language) { Sampling = new() { Temperature = 0 }, MaximumTokens = 5 };
        again.Load(saved);
        Assert.Equal(second, string.Concat(again.AnswerAgain())); // without the first session's cache
        Assert.Equal(session.Messages, again.Messages);
        again.Undo();
        Assert.Equal(first, again.Messages[^1].Content);
    }

    private static double Rms(double[] a, double[] b) => Math.Sqrt(a.Zip(b, static (x, y) => (x - y) * (x - y)).Average());

    private static double[] Logits(LanguageModel language)
    {
        using GradMode.Restorer mode = GradMode.Off();
        return language.Model.Forward(Tensor.From([1, 5, 9, 2], [1, 4])).To(DType.Float64).ToArray<double>();
    }

    private string MakeFolder(string family) => TinyModel.Write(Path.Combine(_folder, family), family, hiddenSize: 256);
}
