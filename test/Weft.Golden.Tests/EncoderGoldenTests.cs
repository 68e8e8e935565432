using System.Globalization;
using System.Text.Json;
using Weft.Inference.Encoders;
using Weft.Models.Encoder;
using Weft.Tensors;
using Weft.Tensors.Autograd;

namespace Weft.Golden.Tests;

/// <summary>Golden set <c>encoder</c>: sentence embeddings of a real encoder, retrieval, and how they rank pairs as people do.</summary>
public sealed class EncoderGoldenTests
{
    // The set's README: vectors of the weights in the shared folder are stored in single precision.
    private const double StoredAsSingle = 1e-7, SinglePrecision = 1e-5, RankCorrelation = 1e-4;

    // Each cosine of the file is rounded to seven places and was computed in single precision.
    private const double StoredCosine = 2e-6;

    private static readonly Lazy<SentenceEncoder> Encoder = new(() => SentenceEncoder.Load(SharedFolder.Require("models", "all-minilm-l6-v2")));

    private static GoldenSet Sentences => GoldenSet.Require("encoder", "sentences");

    [Fact]
    public void Tokens_OfEverySentence_AreTheReferences()
    {
        foreach (GoldenCase golden in Sentences.Cases.Where(static c => c.Op == "sentence"))
            Assert.Equal(golden.Outputs["token_ids"].Ints, TextIds(golden));
    }

    [Fact]
    public void Encode_EverySentenceInOneBatch_IsTheReferencesVector()
    {
        string[] texts = [.. Sentences.Cases.Where(static c => c.Op == "sentence").Select(static c => c.Inputs["text"].Json.GetString()!)];
        Tensor vectors = Encoder.Value.Encode(texts);
        GoldenValue expected = Vectors();
        GoldenAssert.Close(expected, vectors.Shape.AsSpan(), vectors.ToArray<float>(), SinglePrecision, "float32, padded batches");
    }

    [Fact]
    public void Encode_InDoublePrecision_IsTheReferencesVectorToItsRounding()
    {
        SentenceEncoder encoder = SentenceEncoder.Load(SharedFolder.Require("models", "all-minilm-l6-v2"), DType.Float64);
        // The long texts cost most in double precision, and the short ones show as much.
        GoldenCase[] cases = [.. Sentences.Cases.Where(static c => c.Op == "sentence")];
        double[] all = Vectors().Doubles;
        for (int i = 0; i < cases.Length; i++)
        {
            int[] ids = cases[i].Outputs["token_ids"].Ints;
            if (ids.Length > 64) continue;
            using GradMode.Restorer mode = GradMode.Off();
            double[] actual = encoder.EncodeIds([ids]).ToArray<double>();
            GoldenAssert.Close(all.AsSpan(i * encoder.Size, encoder.Size), actual, StoredAsSingle, cases[i].Name);
        }
    }

    [Fact]
    public void Retrieval_OfEveryQuery_RanksTheDocumentsAsTheReference()
    {
        foreach (GoldenCase golden in Sentences.Cases.Where(static c => c.Op == "retrieval"))
        {
            string[] documents = Texts(golden, "documents"), queries = Texts(golden, "queries");
            Tensor cosines = Encoder.Value.Encode(queries).MatMul(Encoder.Value.Encode(documents).Transpose()); // [Q, D]
            JsonElement order = golden.Outputs["order"].Json;
            for (int q = 0; q < queries.Length; q++)
            {
                float[] row = cosines.Select(0, q).ToArray<float>();
                Assert.Equal(order[q].EnumerateArray().Select(static i => i.GetInt32()), Enumerable.Range(0, row.Length).OrderByDescending(i => row[i]));
            }
        }
    }

    [Fact]
    public void Similarity_OfThePairsThatPeopleRated_CorrelatesAsTheReference()
    {
        JsonElement root = GoldenSet.ReadJson(SharedFolder.RequireGolden("encoder", "sts.json"));
        string[][] rows = [.. File.ReadLines(SharedFolder.Require(root.GetProperty("source").GetString()!.Split('/'))).Skip(root.GetProperty("first_row").GetInt32()).Take(root.GetProperty("rows").GetInt32()).Select(static l => l.Split('\t'))];
        SentenceEncoder encoder = Encoder.Value;
        Tensor first = encoder.Encode([.. rows.Select(static r => r[5])]), second = encoder.Encode([.. rows.Select(static r => r[6])]);
        float[] cosines = (first * second).Sum(-1).ToArray<float>();
        double[] gold = [.. rows.Select(static r => double.Parse(r[4], CultureInfo.InvariantCulture))];
        JsonElement expected = root.GetProperty("float16_copy");
        double[] stored = [.. expected.GetProperty("cosines").EnumerateArray().Select(static c => c.GetDouble())];
        GoldenAssert.Close(stored, [.. cosines.Select(static c => (double)c)], StoredCosine, "cosines");
        Assert.Equal(expected.GetProperty("spearman").GetDouble(), Pearson(Ranks([.. cosines.Select(static c => (double)c)]), Ranks(gold)), RankCorrelation);
        Assert.Equal(expected.GetProperty("pearson").GetDouble(), Pearson([.. cosines.Select(static c => (double)c)], gold), RankCorrelation);
    }

    private static GoldenValue Vectors() =>
        new("encoder embeddings_float16_copy", JsonSerializer.SerializeToElement("embeddings_float16_copy"), new GoldenTensors(SharedFolder.RequireGolden("encoder", "encoder.safetensors")));

    private static int[] TextIds(GoldenCase golden)
    {
        SentenceEncoder encoder = Encoder.Value;
        Tokenizers.PipelineTokenizer tokenizer = ((Tokenizers.PipelineTokenizer)encoder.Tokenizer).With(new Tokenizers.TruncationConfig { MaximumLength = encoder.MaximumTokens }, null);
        return tokenizer.EncodeWithOffsets(golden.Inputs["text"].Json.GetString()!, null, new Tokenizers.EncodeOptions { AllowSpecial = true, AddSpecialTokens = true }).Ids;
    }

    private static string[] Texts(GoldenCase golden, string name) => [.. golden.Inputs[name].Json.EnumerateArray().Select(static t => t.GetString()!)];

    // Equal values share the mean of their ranks.
    private static double[] Ranks(double[] values)
    {
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(i => values[i])];
        double[] ranks = new double[values.Length];
        for (int i = 0; i < order.Length;)
        {
            int end = i;
            while (end < order.Length && values[order[end]] == values[order[i]]) end++;
            for (int k = i; k < end; k++) ranks[order[k]] = (i + end - 1) / 2.0;
            i = end;
        }
        return ranks;
    }

    private static double Pearson(double[] x, double[] y)
    {
        double mx = x.Average(), my = y.Average(), xy = 0, xx = 0, yy = 0;
        for (int i = 0; i < x.Length; i++)
        {
            xy += (x[i] - mx) * (y[i] - my);
            xx += (x[i] - mx) * (x[i] - mx);
            yy += (y[i] - my) * (y[i] - my);
        }
        return xy / Math.Sqrt(xx * yy);
    }
}
