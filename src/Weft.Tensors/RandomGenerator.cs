using System.Runtime.CompilerServices;

namespace Weft.Tensors;

/// <summary>A seeded source of random numbers that gives the same sequence on every machine.</summary>
/// <remarks>
/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the n-th block of four numbers is a pure
/// function of seed, stream and n. So a position can be saved and restored exactly, streams are independent, and several
/// threads can draw from one sequence without changing it. Not for cryptography.
/// </remarks>
public sealed class RandomGenerator
{
    private ulong _position; // in numbers of 32 bits
    private Philox.Block _block;
    private double _spareGaussian = double.NaN;

    /// <summary>Starts a sequence; different streams of one seed are independent.</summary>
    public RandomGenerator(ulong seed, uint stream = 0)
    {
        Seed = seed;
        StreamNumber = stream;
    }

    /// <summary>The seed.</summary>
    public ulong Seed { get; }

    /// <summary>Which of the seed's independent sequences this is.</summary>
    public uint StreamNumber { get; }

    /// <summary>How many 32-bit numbers were drawn: with seed and stream, the whole state. Setting it continues from there.</summary>
    public ulong Position
    {
        get => _position;
        set
        {
            _position = value;
            _spareGaussian = double.NaN;
            if (_position % 4 != 0) _block = Philox.At(Seed, _position / 4, StreamNumber);
        }
    }

    /// <summary>32 random bits.</summary>
    public uint NextUInt32()
    {
        uint lane = (uint)(_position % 4);
        if (lane == 0) _block = Philox.At(Seed, _position / 4, StreamNumber);
        _position++;
        return _block[(int)lane];
    }

    /// <summary>64 random bits.</summary>
    public ulong NextUInt64() => (ulong)NextUInt32() << 32 | NextUInt32();

    /// <summary>A number in [0, 1) with 24 random bits.</summary>
    public float NextSingle() => (NextUInt32() >> 8) * (1f / (1 << 24));

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A whole number in [0, limit), every one equally likely.</summary>
    public int NextInt32(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        // Lemire 2019: multiply and reject the few values that would make some results likelier.
        ulong product = (ulong)NextUInt32() * (uint)limit;
        if ((uint)product < (uint)limit)
        {
            uint threshold = (uint)-limit % (uint)limit;
            while ((uint)product < threshold) product = (ulong)NextUInt32() * (uint)limit;
        }
        return (int)(product >> 32);
    }

    /// <summary>A number from the standard normal distribution (Box and Muller 1958).</summary>
    public double NextGaussian()
    {
        if (!double.IsNaN(_spareGaussian))
        {
            double spare = _spareGaussian;
            _spareGaussian = double.NaN;
            return spare;
        }
        double radius = Math.Sqrt(-2 * Math.Log(1 - NextDouble())), angle = 2 * Math.PI * NextDouble();
        _spareGaussian = radius * Math.Sin(angle);
        return radius * Math.Cos(angle);
    }

    /// <summary>Fills a tensor with draws from a normal distribution.</summary>
    public Tensor FillGaussian(Tensor target, double mean = 0, double standardDeviation = 1)
    {
        target.RequireUnrecorded(nameof(FillGaussian));
        if (target.DType == DType.Float32) foreach (ref float value in target.AsSpan<float>()) value = (float)(mean + standardDeviation * NextGaussian());
        else foreach (ref double value in target.AsSpan<double>()) value = mean + standardDeviation * NextGaussian();
        return target;
    }

    /// <summary>Fills a tensor with draws from [low, high).</summary>
    public Tensor FillUniform(Tensor target, double low = 0, double high = 1)
    {
        target.RequireUnrecorded(nameof(FillUniform));
        if (target.DType == DType.Float32) foreach (ref float value in target.AsSpan<float>()) value = (float)(low + (high - low) * NextDouble());
        else foreach (ref double value in target.AsSpan<double>()) value = low + (high - low) * NextDouble();
        return target;
    }

    /// <summary>Puts items into a random order, every order equally likely (Fisher and Yates 1938).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt32(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}

/// <summary>The Philox4x32-10 function: four random numbers from a key and a counter.</summary>
internal static class Philox
{
    internal static Block At(ulong key, ulong counter, uint stream = 0)
    {
        (uint k0, uint k1) = ((uint)key, (uint)(key >> 32));
        (uint c0, uint c1, uint c2, uint c3) = ((uint)counter, (uint)(counter >> 32), stream, 0u);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53ul * c0, p1 = 0xCD9E8D57ul * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        Block block = default;
        (block[0], block[1], block[2], block[3]) = (c0, c1, c2, c3);
        return block;
    }

    [InlineArray(4)]
    internal struct Block
    {
        private uint _first;
    }
}
