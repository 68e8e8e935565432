namespace Weft.Tokenizers.Tests;

public class TokenizerLoadTests
{
    private const string Head = """{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,""";
    private const string ByteLevel = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""";
    private const string Parts = Head + "\"pre_tokenizer\":" + ByteLevel + ",\"post_processor\":null,\"decoder\":" + ByteLevel + ",";

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "expected an object, found an array")]
    [InlineData("{}", "model: expected an object, found nothing")]
    [InlineData("null", "expected an object, found null")]
    [InlineData("{\"model\":3}", "model: expected an object")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"merges\":[]}}", "model.vocab: expected an object, found nothing")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "model.vocab: the vocabulary is empty.")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "model.vocab['a']: -1 is not a whole number")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1.5},\"merges\":[]}}", "model.vocab['a']: 1.5 is not a whole number")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2147483647},\"merges\":[]}}", "model.vocab['a']: 2147483647 is not a whole number")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"b\":1},\"merges\":[]}}", "the id 1 has two tokens")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"b\":2},\"merges\":[\"a c\"]}}", "model.merges[0]: the token 'c' is not in the vocabulary")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"b\":2},\"merges\":[\"a b\"]}}", "model.merges[0]: the token 'ab' is not in the vocabulary")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1,\"b\":2},\"merges\":[\"a b a\"]}}", "a merge has two tokens, not 3")]
    [InlineData(Parts + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"\\ud800\":1},\"merges\":[]}}", "not valid Unicode")]
    public void Load_DamagedFile_IsRefusedWithItsPlace(string content, string expected)
    {
        using TemporaryFile file = new(content);
        TokenizerFormatException error = Assert.Throws<TokenizerFormatException>(() => Tokenizer.Load(file.Path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Equal(file.Path, error.Path);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Load_FileCutAnywhere_GivesATypedError()
    {
        using TemporaryFile whole = new();
        CharacterTokenizer.FromText("abc é", ["<s>"]).Save(whole.Path);
        string content = File.ReadAllText(whole.Path).TrimEnd();
        for (int length = 0; length < content.Length; length++)
        {
            using TemporaryFile cut = new(content[..length]);
            Assert.Throws<TokenizerFormatException>(() => Tokenizer.Load(cut.Path));
        }
    }

    [Fact]
    public void Load_NothingThere_SaysSo()
    {
        using TemporaryFile file = new();
        Assert.Throws<FileNotFoundException>(() => Tokenizer.Load(file.Path));
        Assert.Throws<FileNotFoundException>(() => Tokenizer.Load(Path.GetDirectoryName(file.Path)!));
    }
}
