using System.Text;

namespace Weft.Tokenizers.Tests;

/// <summary>Files that were cut off or changed end in a typed error, or are read as something else; never in anything other.</summary>
public class DamagedFileTests
{
    [Fact]
    public void Load_SentencePieceModelWithChangedBytes_GivesATypedErrorOrATokenizer()
    {
        byte[] whole = File.ReadAllBytes(SharedFolder.Require("data", "models", "babyllama-tok105", "tok105.model"));
        Random random = new(5);
        for (int turn = 0; turn < 400; turn++)
        {
            byte[] damaged = turn < 200 ? whole[..random.Next(whole.Length)] : [.. whole];
            for (int i = 0; turn >= 200 && i < 3; i++) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            Try("model.model", damaged);
        }
    }

    [Fact]
    public void Load_TokenizerJsonWithChangedBytes_GivesATypedErrorOrATokenizer()
    {
        using TemporaryFile file = new();
        CharacterTokenizer.FromText("abc \né", ["<s>"]).Save(file.Path);
        byte[] characters = File.ReadAllBytes(file.Path);
        byte[] pipeline = Encoding.UTF8.GetBytes("""
            {"version":"1.0","truncation":{"max_length":5,"strategy":"LongestFirst","stride":1},"padding":{"strategy":{"Fixed":8},"direction":"Left","pad_id":0,"pad_type_id":0,"pad_token":"p"},
            "added_tokens":[{"id":3,"content":"[X]","special":true}],"normalizer":{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Replace","pattern":{"Regex":"[a-z]{2,3}"},"content":"x"}]},
            "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}]},
            "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[X]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}}],
            "special_tokens":{"[X]":{"id":"[X]","ids":[3],"tokens":["[X]"]}}},"decoder":{"type":"Strip","content":"_","start":1,"stop":0},
            "model":{"type":"Unigram","unk_id":0,"vocab":[["u",0],["a",-1.5],["b",-2e0]],"byte_fallback":false}}
            """);
        Random random = new(6);
        foreach (byte[] whole in (byte[][])[characters, pipeline])
            for (int turn = 0; turn < 500; turn++)
            {
                byte[] damaged = [.. whole];
                for (int i = 0; i < 1 + turn % 3; i++) damaged[random.Next(damaged.Length)] = (byte)random.Next(32, 127);
                Try("tokenizer.json", damaged);
            }
    }

    [Theory]
    [InlineData("r50k_base.tiktoken", "QQ== 0\nQg== 0\n")]
    [InlineData("r50k_base.tiktoken", "QQ==\n")]
    [InlineData("r50k_base.tiktoken", "?? 0\n")]
    [InlineData("r50k_base.tiktoken", "")]
    [InlineData("unheard_of.tiktoken", "QQ== 0\n")]
    [InlineData("vocab.txt", "[UNK]\n[CLS]\n")]
    [InlineData("vocab.txt", "a\na\n")]
    [InlineData("tokenizer.json.gz", "not packed")]
    [InlineData("tokenizer.model", "\u0012\u00ff\u00ff")]
    public void Load_WrongFile_GivesATypedError(string name, string content)
    {
        using TemporaryFile folder = new();
        string path = Path.Combine(Path.GetDirectoryName(folder.Path)!, name);
        File.WriteAllText(path, content);
        TokenizerFormatException error = Assert.Throws<TokenizerFormatException>(() => Tokenizer.Load(path));
        Assert.Equal(path, error.Path);
    }

    private static void Try(string name, byte[] content)
    {
        using TemporaryFile folder = new();
        string path = Path.Combine(Path.GetDirectoryName(folder.Path)!, name);
        File.WriteAllBytes(path, content);
        try
        {
            Tokenizer tokenizer = Tokenizer.Load(path);
            tokenizer.Encode("ab c1 é");
        }
        catch (Exception problem) when (problem is TokenizerFormatException or ArgumentException)
        {
            Assert.DoesNotContain('\n', problem.Message);
        }
    }
}
