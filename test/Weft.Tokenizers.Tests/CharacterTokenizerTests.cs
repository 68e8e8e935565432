namespace Weft.Tokenizers.Tests;

public class CharacterTokenizerTests
{
    [Fact]
    public void Decode_OfEncode_GivesTheText()
    {
        string[] texts = [.. HostileStrings.Valid()];
        CharacterTokenizer tokenizer = CharacterTokenizer.FromText(string.Concat(texts), ["<|endoftext|>"]);
        using TemporaryFile file = new();
        tokenizer.Save(file.Path);
        CharacterTokenizer loaded = Assert.IsType<CharacterTokenizer>(Tokenizer.Load(file.Path));
        foreach (string text in texts)
        {
            int[] ids = tokenizer.Encode(text);
            Assert.Equal(text.EnumerateRunes().Count(), ids.Length);
            Assert.Equal(text, tokenizer.Decode(ids));
            Assert.Equal(ids, loaded.Encode(text));
            IncrementalDecoder decoder = loaded.CreateDecoder();
            Assert.Equal(text, string.Concat(ids.Select(decoder.Append)) + decoder.Flush());
        }
    }

    [Fact]
    public void FromText_Ids_FollowTheCodePoints()
    {
        CharacterTokenizer tokenizer = CharacterTokenizer.FromText("b𝒜a\nb", ["<|endoftext|>"]);
        // \n U+000A, a, b, U+1D49C, then the special token.
        Assert.Equal([2, 3, 1, 0], tokenizer.Encode("b𝒜a\n"));
        Assert.Equal(4, tokenizer.EndOfTextId);
        Assert.Equal(5, tokenizer.VocabularySize);
    }

    [Fact]
    public void Encode_UnknownCharacter_IsNamedOrBecomesTheUnknownToken()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => CharacterTokenizer.FromText("ab").Encode("aé"));
        Assert.Contains("'é' (U+00E9) at index 1 is not among the 2 characters", error.Message, StringComparison.Ordinal);
        Assert.Contains("U+000A", Assert.Throws<ArgumentException>(() => CharacterTokenizer.FromText("ab").Encode("\n")).Message, StringComparison.Ordinal);

        CharacterTokenizer forgiving = CharacterTokenizer.FromText("ab", ["<unk>"], "<unk>");
        Assert.Equal([0, 2, 1], forgiving.Encode("aéb"));
        using TemporaryFile file = new();
        forgiving.Save(file.Path);
        Assert.Equal([0, 2, 1], Tokenizer.Load(file.Path).Encode("aéb"));
    }

    [Fact]
    public void FromText_SpecialTokenTwice_IsRefused() =>
        Assert.Throws<ArgumentException>(() => CharacterTokenizer.FromText("ab", ["<s>", "<s>"]));
}
