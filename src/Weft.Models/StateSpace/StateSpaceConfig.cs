using Weft.Models.Layers;

namespace Weft.Models.StateSpace;

/// <summary>The architecture of a state-space language model: instead of attention, each channel carries a small state along the text.</summary>
public sealed record StateSpaceConfig
{
    /// <summary>The <c>model_type</c> that it is saved as.</summary>
    public required string Family { get; init; }

    /// <summary>V: the number of token ids.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>C: the width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>L: the number of blocks.</summary>
    public required int BlockCount { get; init; }

    /// <summary>I: the number of channels that carry a state.</summary>
    public required int ChannelCount { get; init; }

    /// <summary>N: the size of a channel's state.</summary>
    public required int StateSize { get; init; }

    /// <summary>K: how many tokens the convolution before the states sees.</summary>
    public int ConvolutionSize { get; init; } = 4;

    /// <summary>R: the inner width of the map to step sizes (Mamba 1).</summary>
    public int StepRank { get; init; }

    /// <summary>H: the number of heads, each with one decay; 0 gives each channel its own (Mamba 1).</summary>
    public int HeadCount { get; init; }

    /// <summary>How many groups of heads have an input and output map each (Mamba 2).</summary>
    public int GroupCount { get; init; } = 1;

    /// <summary>The smallest step size (Mamba 2).</summary>
    public double MinimumStep { get; init; }

    /// <summary>The largest step size (Mamba 2).</summary>
    public double MaximumStep { get; init; } = double.PositiveInfinity;

    /// <summary>Whether the step size and both maps are normalised by root mean square (Falcon Mamba).</summary>
    public bool NormalizesSelection { get; init; }

    /// <summary>Added to the mean square of that. Default: 1e-6, as in Falcon Mamba.</summary>
    public double SelectionEpsilon { get; init; } = 1e-6;

    /// <summary>Whether the maps in and out add an offset.</summary>
    public bool LinearBias { get; init; }

    /// <summary>Whether the convolution adds an offset.</summary>
    public bool ConvolutionBias { get; init; } = true;

    /// <summary>The nonlinearity after the convolution and of the gate.</summary>
    public ActivationKind Activation { get; init; } = ActivationKind.Silu;

    /// <summary>Added to the mean square. Default: 1e-5.</summary>
    public double NormalizationEpsilon { get; init; } = 1e-5;

    /// <summary>Whether the head uses the token embedding as its matrix.</summary>
    public bool TieEmbeddings { get; init; } = true;

    /// <summary>The standard deviation of initial weights. Default: 0.1, as in Mamba.</summary>
    public double InitializerRange { get; init; } = 0.1;

    /// <summary>The id with which a text begins; null where there is none.</summary>
    public int? BeginOfTextId { get; init; }

    /// <summary>The id with which a text ends; null where there is none.</summary>
    public int? EndOfTextId { get; init; }

    /// <summary>The id that fills up shorter rows of a batch; null where there is none.</summary>
    public int? PaddingId { get; init; }

    /// <summary>The channels that go through the convolution: x, and in Mamba 2 the input and output maps too.</summary>
    public int ConvolvedCount => HeadCount == 0 ? ChannelCount : ChannelCount + 2 * GroupCount * StateSize;

    /// <summary>Throws if a value is out of range or two do not fit together.</summary>
    /// <exception cref="ArgumentException">Names the field, its value and the rule.</exception>
    public void Validate()
    {
        (int Value, string Field)[] positive =
        [
            (VocabularySize, nameof(VocabularySize)), (HiddenSize, nameof(HiddenSize)), (BlockCount, nameof(BlockCount)), (ChannelCount, nameof(ChannelCount)),
            (StateSize, nameof(StateSize)), (ConvolutionSize, nameof(ConvolutionSize)), (GroupCount, nameof(GroupCount)),
        ];
        foreach ((int value, string field) in positive)
            if (value < 1) throw new ArgumentException($"{field} {value} must be at least 1.");
        if (HeadCount < 0) throw new ArgumentException($"HeadCount {HeadCount} must not be negative.");
        if (HeadCount == 0 && StepRank < 1) throw new ArgumentException($"StepRank {StepRank} must be at least 1.");
        if (HeadCount > 0 && ChannelCount % HeadCount != 0) throw new ArgumentException($"HeadCount {HeadCount} must divide ChannelCount {ChannelCount}.");
        if (HeadCount > 0 && HeadCount % GroupCount != 0) throw new ArgumentException($"GroupCount {GroupCount} must divide HeadCount {HeadCount}.");
        if (!(MinimumStep >= 0 && MaximumStep >= MinimumStep)) throw new ArgumentException($"MinimumStep {MinimumStep} must be between 0 and MaximumStep {MaximumStep}.");
        if (!(NormalizationEpsilon >= 0)) throw new ArgumentException($"NormalizationEpsilon {NormalizationEpsilon} must not be negative.");
    }
}
