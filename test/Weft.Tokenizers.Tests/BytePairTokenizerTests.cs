using System.Diagnostics;
using System.Text.Json;

namespace Weft.Tokenizers.Tests;

public class BytePairTokenizerTests
{
    private static readonly Lazy<Tokenizer> Gpt2 = new(() => Tokenizer.Load(SharedFolder.Require("data", "tokenizers", "gpt2")));

    private static BytePairTokenizer Small { get; } = BytePairTrainer.Train(
        ["the cat sat on the mat, the cat's hat\n", "den, den, denote; été été\n"], new BytePairTrainerConfig { VocabularySize = 300 });

    [Fact]
    public void Decode_OfEncode_GivesTheText()
    {
        foreach (string text in HostileStrings.Valid())
        {
            Assert.Equal(text, Small.Decode(Small.Encode(text)));
            Assert.Equal(text, Small.Decode(Small.Encode(text, EncodeOptions.Special)));
        }
        foreach (string text in HostileStrings.Broken())
            Assert.Equal(HostileStrings.Repaired(text), Small.Decode(Small.Encode(text)));
    }

    [Fact]
    public void Append_TokenByToken_GivesTheTextAndNeverHalfACharacter()
    {
        char[] buffer = new char[Small.CreateDecoder().MaximumLength];
        foreach (string text in HostileStrings.Valid())
        {
            IncrementalDecoder strings = Small.CreateDecoder();
            IncrementalDecoder spans = Small.CreateDecoder();
            string joined = "";
            foreach (int id in Small.Encode(text))
            {
                string piece = strings.Append(id);
                Assert.Equal(piece, new string(buffer, 0, spans.Append(id, buffer)));
                Assert.Equal(HostileStrings.Repaired(piece), piece);
                joined += piece;
            }
            Assert.Equal(text, joined + strings.Flush());
        }
    }

    [Fact]
    public void Append_IntoABuffer_AllocatesNothing()
    {
        int[] ids = Small.Encode("the cat's été 👩‍👩‍👧‍👦 on the mat");
        IncrementalDecoder decoder = Small.CreateDecoder();
        char[] buffer = new char[decoder.MaximumLength];
        foreach (int id in ids) decoder.Append(id, buffer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int turn = 0; turn < 100; turn++)
            foreach (int id in ids)
                decoder.Append(id, buffer);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Append_SmallBuffer_IsRefusedAndChangesNothing()
    {
        IncrementalDecoder decoder = Small.CreateDecoder();
        Assert.Throws<ArgumentException>(() => decoder.Append(300 - 1, new char[1]));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void Encode_SpecialTokenInText_IsTextUnlessAllowed()
    {
        Assert.DoesNotContain(0, Small.Encode("a<|endoftext|>b"));
        Assert.Equal([Small.TokenId("a")!.Value, 0, Small.TokenId("b")!.Value], Small.Encode("a<|endoftext|>b", EncodeOptions.Special));
        Assert.Equal("ab", Small.Decode(Small.Encode("a<|endoftext|>b", EncodeOptions.Special), skipSpecial: true));
        Assert.Equal(0, Small.EndOfTextId);
    }

    [Fact]
    public void Token_EveryId_IsTheInverseOfTokenId()
    {
        for (int id = 0; id < Small.VocabularySize; id++) Assert.Equal(id, Small.TokenId(Small.Token(id)));
        Assert.Null(Small.TokenId("no such token"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Small.Token(Small.VocabularySize));
        Assert.Throws<ArgumentOutOfRangeException>(() => Small.Decode([-1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Small.CreateDecoder().Append(int.MaxValue));
    }

    [Fact]
    public void Save_ThenLoad_IsTheSameTokenizer()
    {
        using TemporaryFile file = new();
        Small.Save(file.Path);
        Tokenizer loaded = Tokenizer.Load(file.Path);
        Assert.IsType<BytePairTokenizer>(loaded);
        Assert.Equal(Small.VocabularySize, loaded.VocabularySize);
        Assert.Equal(Small.AddedTokens, loaded.AddedTokens);
        foreach (string text in HostileStrings.Valid())
            Assert.Equal(Small.Encode(text, EncodeOptions.Special), loaded.Encode(text, EncodeOptions.Special));

        using TemporaryFile again = new();
        loaded.Save(again.Path);
        Assert.Equal(File.ReadAllBytes(file.Path), File.ReadAllBytes(again.Path));
    }

    [Fact]
    public void Encode_WithTokensAround_SavesAndLoadsThem()
    {
        GgufVocabulary vocabulary = new()
        {
            Model = "gpt2",
            PreTokenizer = "llama-bpe",
            Tokens = [.. BytePairVocabularyConfig.ByteLevelAlphabet, "ab", "<s>", "</s>"],
            TokenTypes = [.. Enumerable.Repeat(1, 257), 3, 3],
            Merges = ["a b"],
            BeginOfTextId = 257,
            EndOfTextId = 258,
            AddEndOfText = true,
        };
        Tokenizer tokenizer = vocabulary.CreateTokenizer();
        EncodeOptions around = new() { AddSpecialTokens = true };
        Assert.Equal([257, 256, 258], tokenizer.Encode("ab", around));
        Assert.Equal([256], tokenizer.Encode("ab"));
        Assert.Equal(258, tokenizer.EndOfTextId);
        using TemporaryFile file = new();
        tokenizer.Save(file.Path);
        Assert.Equal([257, 256, 258], Tokenizer.Load(file.Path).Encode("ab", around));
        Assert.Equal([256], Tokenizer.Load(file.Path).Encode("ab"));
    }

    // The table of known pieces, its growth and its collisions change nothing: words of all lengths, often and seldom, from many threads.
    [Fact]
    public void Encode_FastAndByDefinition_AreTheSame()
    {
        Random random = new(11);
        string[] words = [.. Enumerable.Range(0, 30_000).Select(_ => string.Concat(Enumerable.Range(0, 1 + random.Next(random.Next(1, 24))).Select(_ => "etaoinshrdluéß中 '1"[random.Next(18)])))];
        string[] texts = [.. Enumerable.Range(0, 12).Select(_ => string.Concat(Enumerable.Range(0, 6000).Select(_ => words[Math.Min(random.Next(words.Length), random.Next(words.Length))] + " ")))];
        BytePairTokenizer tokenizer = BytePairTrainer.Train(texts[..2], new BytePairTrainerConfig { VocabularySize = 1500 });
        Parallel.ForEach(texts.Concat(texts).Concat([texts[0][..17], texts[0][..15], "a"]), text => Assert.Equal(tokenizer.EncodeReference(text), tokenizer.Encode(text)));
    }

    [Fact]
    public void Merge_ByScanAndByHeap_AreTheSame()
    {
        MergeTable merges = new(64);
        Random random = new(3);
        for (int rank = 0; rank < 60; rank++) merges.Set(random.Next(12), random.Next(12), rank, random.Next(12));
        for (int turn = 0; turn < 2000; turn++)
        {
            int[] scanned = [.. Enumerable.Range(0, random.Next(0, 100)).Select(_ => random.Next(12))];
            int[] heaped = [.. scanned];
            int count = BytePairMerger.MergeByScan(merges, scanned);
            Assert.Equal(count, BytePairMerger.MergeByHeap(merges, heaped));
            Assert.Equal(scanned[..count], heaped[..count]);
        }
    }

    [Theory]
    [InlineData("x")]
    [InlineData(" ")]
    [InlineData("é")]
    [InlineData("'")]
    public void Encode_AMillionTimesTheSame_TakesSecondsNotHours(string unit)
    {
        string text = string.Concat(Enumerable.Repeat(unit, 1_000_000));
        Stopwatch watch = Stopwatch.StartNew();
        int[] ids = Gpt2.Value.Encode(text);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"{watch.Elapsed}");
        Assert.Equal(text, Gpt2.Value.Decode(ids));
    }

    [Fact]
    public void Encode_TwoThreads_GiveTheSameIds()
    {
        string[] texts = [.. HostileStrings.Valid()];
        int[][] expected = [.. texts.Select(Small.Encode)];
        Parallel.For(0, 2000, i => Assert.Equal(expected[i % texts.Length], Small.Encode(texts[i % texts.Length])));
    }

    [Fact]
    public void Encode_HostileStrings_GivesTheGoldenIds()
    {
        string path = SharedFolder.RequireGolden("tokenizers", "hostile", "gpt2.json.gz");
        string[] texts = GoldenFiles.Strings();
        JsonElement[] rows = [.. GoldenFiles.ReadJson(path).GetProperty("rows").EnumerateArray()];
        for (int i = 0; i < rows.Length; i++)
            Assert.Equal(GoldenFiles.Ints(rows[i].GetProperty("ids")), Gpt2.Value.Encode(texts[i], EncodeOptions.Special));
    }
}
