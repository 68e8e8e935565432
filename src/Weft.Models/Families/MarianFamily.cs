using Weft.Models.EncoderDecoder;

namespace Weft.Models.Families;

/// <summary>Marian's translation models (Junczys-Dowmunt et al. 2018, arXiv:1804.00344): BART without a norm after the embeddings, with fixed positions.</summary>
public sealed class MarianFamily : BartFamily
{
    /// <inheritdoc/>
    public override string ModelType => "marian";

    private protected override string ClassName => "MarianMTModel";

    private protected override int DefaultPadding => 58100;

    private protected override int DefaultStart(int padding) => padding;

    /// <inheritdoc/>
    public override EncoderDecoderConfig ReadConfig(ConfigReader reader)
    {
        reader.Ignore("static_position_embeddings"); // the table is fixed whatever this says
        EncoderDecoderConfig config = ReadShared(reader);
        int decoderSize = reader.Integer("decoder_vocab_size", config.VocabularySize)!.Value;
        return config with
        {
            Positions = SequencePositions.Sinusoidal,
            DecoderVocabularySize = reader.Flag("share_encoder_decoder_embeddings", true) ? 0 : decoderSize,
        };
    }

    /// <inheritdoc/>
    public override void WriteConfig(ConfigWriter writer, EncoderDecoderConfig config)
    {
        base.WriteConfig(writer, config);
        writer.Add("decoder_vocab_size", config.OutputSize);
        writer.Add("share_encoder_decoder_embeddings", config.DecoderVocabularySize == 0);
        writer.Add("static_position_embeddings", true);
    }
}
