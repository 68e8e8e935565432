using Weft.Inference.Sampling;
using Weft.Inference.Search;
using Weft.Models.EncoderDecoder;
using Weft.Models.Families;
using Weft.Tokenizers;

namespace Weft.Inference;

/// <summary>Rewrites texts with an encoder-decoder: translation, summaries, answers, whatever it was trained for.</summary>
public sealed class SequenceWriter
{
    private static readonly EncodeOptions s_options = new() { AddSpecialTokens = true };

    /// <summary>Puts a model and its tokenizer together.</summary>
    public SequenceWriter(EncoderDecoderModel model, Tokenizer tokenizer) => (Model, Tokenizer) = (model, tokenizer);

    /// <summary>The network.</summary>
    public EncoderDecoderModel Model { get; }

    /// <summary>From text to token ids and back.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Reads a folder.</summary>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="Weft.Tensors.Files.WeftFileException">A file is damaged, or holds something that is not understood.</exception>
    public static SequenceWriter Load(string path) => new(EncoderDecoderDirectory.Load(path), Tokenizer.Load(path));

    /// <summary>Reads a text and writes the likeliest answer.</summary>
    /// <param name="text">What is read, with any prefix that the model expects ("translate English to German: ").</param>
    /// <param name="maxTokens">The most tokens to write.</param>
    /// <param name="beams">How many beginnings are followed side by side; 1 always takes the likeliest token.</param>
    /// <param name="lengthPenalty">Above 0 favours long texts where there are several beams.</param>
    /// <param name="noRepeatSize">No run of so many tokens is written twice; 0 allows all.</param>
    public string Write(string text, int maxTokens = 128, int beams = 1, double lengthPenalty = 1, int noRepeatSize = 0)
    {
        EncoderDecoderConfig config = Model.Config;
        int[] source = Tokenizer.Encode(text, s_options);
        if (config.EndOfTextId is { } end && (source.Length == 0 || source[^1] != end)) source = [.. source, end]; // what every such model was trained to see
        int room = config.ContextLength == 0 ? maxTokens : Math.Min(maxTokens, config.ContextLength - 1);
        if (config.ContextLength > 0 && source.Length > config.ContextLength) source = [.. source[..(config.ContextLength - 1)], source[^1]];
        List<LogitsProcessor> processors = [];
        if (noRepeatSize > 0) processors.Add(new NoRepeatNgram(noRepeatSize));
        if (config.ForcedEndId is { } forced) processors.Add(new ForcedTokens(room, forced));
        SearchSettings settings = new()
        {
            MaxNewTokens = room, EndIds = config.EndOfTextId is { } id ? [id] : [], PaddingId = config.PaddingId, BeamCount = beams, LengthPenalty = lengthPenalty, Processors = processors,
        };
        EncoderDecoderSearchModel model = new(Model, [source], beams);
        FoundText found = beams == 1 ? GreedySearch.Run(model, [[config.StartId]], settings)[0] : BeamSearch.Run(model, [[config.StartId]], settings)[0][0];
        return Tokenizer.Decode(found.Ids.AsSpan(1), skipSpecial: true).Trim();
    }
}
