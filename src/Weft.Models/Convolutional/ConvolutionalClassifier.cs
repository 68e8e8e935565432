using Weft.Models.Layers;
using Weft.Tensors;

namespace Weft.Models.Convolutional;

/// <summary>One stage of a convolutional classifier: convolution, ReLU, and a max-pool where asked for.</summary>
/// <param name="Channels">The output channels.</param>
/// <param name="KernelSize">The side of the square kernel.</param>
/// <param name="Padding">Zeros on each side.</param>
/// <param name="Pool">The side of the pooling window, which is also its stride; 1 for none.</param>
public readonly record struct ConvolutionalStage(int Channels, int KernelSize, int Padding = 0, int Pool = 1);

/// <summary>The architecture of a convolutional classifier.</summary>
public sealed record ConvolutionalClassifierConfig
{
    /// <summary>The channels of an image: 1 for grey, 3 for colour.</summary>
    public int InputChannels { get; init; } = 1;

    /// <summary>The rows of an image. Default: of MNIST.</summary>
    public int Height { get; init; } = 28;

    /// <summary>The columns of an image. Default: of MNIST.</summary>
    public int Width { get; init; } = 28;

    /// <summary>The convolutions. Default: of LeNet-5, with its first layer padded from 28 to 32 (LeCun et al. 1998, section II.B).</summary>
    public IReadOnlyList<ConvolutionalStage> Stages { get; init; } = [new(6, 5, Padding: 2, Pool: 2), new(16, 5, Pool: 2)];

    /// <summary>The sizes of the dense layers before the last. Default: of LeNet-5.</summary>
    public IReadOnlyList<int> HiddenSizes { get; init; } = [120, 84];

    /// <summary>The number of classes. Default: ten digits.</summary>
    public int ClassCount { get; init; } = 10;

    /// <summary>Checks the sizes.</summary>
    /// <exception cref="ArgumentException">One is not positive, or the image vanishes on its way; the message names it.</exception>
    public void Validate()
    {
        foreach ((string name, int value) in ((string, int)[])[(nameof(InputChannels), InputChannels), (nameof(Height), Height), (nameof(Width), Width), (nameof(ClassCount), ClassCount)])
            if (value < 1) throw new ArgumentException($"{name} {value} must be at least 1.");
        foreach (int size in HiddenSizes)
            if (size < 1) throw new ArgumentException($"HiddenSizes {size} must be at least 1.");
        (int rows, int columns) = (Height, Width);
        foreach (ConvolutionalStage stage in Stages)
        {
            (rows, columns) = (After(rows, stage), After(columns, stage));
            if (rows < 1 || columns < 1) throw new ArgumentException($"Stages: {stage} leaves {rows} x {columns} of an image of {Height} x {Width}.");
        }
    }

    /// <summary>The number of features that the last stage hands to the dense layers.</summary>
    internal int FeatureCount
    {
        get
        {
            (int channels, int rows, int columns) = (InputChannels, Height, Width);
            foreach (ConvolutionalStage stage in Stages) (channels, rows, columns) = (stage.Channels, After(rows, stage), After(columns, stage));
            return channels * rows * columns;
        }
    }

    private static int After(int size, ConvolutionalStage stage) => (size + 2 * stage.Padding - stage.KernelSize + 1) / stage.Pool;
}

/// <summary>Convolutions and pooling, then dense layers: what reads digits since LeNet (LeCun et al. 1998).</summary>
/// <remarks>
/// Plain ReLU and max-pooling, as the layers are used today, where LeNet-5 had scaled tanh and trained averages.
/// Shapes: images [N, C, H, W] -> logits [N, classes].
/// </remarks>
public sealed class ConvolutionalClassifier : Layer
{
    private readonly Convolution[] _convolutions;
    private readonly Linear[] _dense;

    /// <summary>Makes the model with zero weights; initialise or load them next.</summary>
    /// <exception cref="ArgumentException">The configuration is not valid; the message names the field.</exception>
    public ConvolutionalClassifier(ConvolutionalClassifierConfig config, DType dtype = DType.Float32)
    {
        config.Validate();
        Config = config;
        int channels = config.InputChannels;
        _convolutions = new Convolution[config.Stages.Count];
        for (int i = 0; i < _convolutions.Length; i++)
        {
            ConvolutionalStage stage = config.Stages[i];
            _convolutions[i] = new Convolution($"convolutions.{i}", channels, stage.Channels, [stage.KernelSize, stage.KernelSize], padding: [stage.Padding], dtype: dtype);
            channels = stage.Channels;
        }
        int[] sizes = [config.FeatureCount, .. config.HiddenSizes, config.ClassCount];
        _dense = new Linear[sizes.Length - 1];
        for (int i = 0; i < _dense.Length; i++) _dense[i] = new Linear($"dense.{i}", sizes[i], sizes[i + 1], bias: true, dtype);
        Parameters = [.. _convolutions.SelectMany(static c => c.Parameters), .. _dense.SelectMany(static d => d.Parameters)];
    }

    /// <summary>The architecture.</summary>
    public ConvolutionalClassifierConfig Config { get; }

    /// <summary>The convolutions, from the image on.</summary>
    public IReadOnlyList<Convolution> Convolutions => _convolutions;

    /// <summary>The dense layers; the last gives the logits.</summary>
    public IReadOnlyList<Linear> Dense => _dense;

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> Parameters { get; }

    /// <summary>Classifies images.</summary>
    /// <exception cref="ArgumentException">The images are not [N, C, H, W] of the configuration.</exception>
    public Tensor Forward(Tensor images)
    {
        if (images.Rank != 4 || images.Shape != new Shape(images.Shape[0], Config.InputChannels, Config.Height, Config.Width))
            throw new ArgumentException($"ConvolutionalClassifier: images {images.Shape} are not [N, {Config.InputChannels}, {Config.Height}, {Config.Width}].");
        Tensor x = images;
        for (int i = 0; i < _convolutions.Length; i++)
        {
            x = _convolutions[i].Forward(x).Relu();                                     // [N, O, H', W']
            int pool = Config.Stages[i].Pool;
            if (pool > 1) x = x.MaxPool([pool, pool]);                                  // [N, O, H' / pool, W' / pool]
        }
        x = x.Flatten(1);                                                               // [N, features]
        for (int i = 0; i < _dense.Length; i++)
        {
            x = _dense[i].Forward(x);                                                   // [N, size]
            if (i < _dense.Length - 1) x = x.Relu();
        }
        return x;                                                                       // [N, classes]
    }

    /// <summary>Draws initial weights evenly from ±1/√fan-in, as torch does.</summary>
    public ConvolutionalClassifier Initialize(RandomGenerator generator)
    {
        foreach (Convolution convolution in _convolutions) convolution.Initialize(generator);
        foreach (Linear linear in _dense) linear.Initialize(generator);
        return this;
    }
}
