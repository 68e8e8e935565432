namespace Weft.Guide.Stories;

/// <summary>The generator behind the stories: SplitMix64, so that a seed gives the same stories on every platform and in every version.</summary>
/// <remarks>Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 17.</remarks>
internal struct StoryRandom(ulong seed)
{
    private const ulong GoldenGamma = 0x9E3779B97F4A7C15; // 2^64 divided by the golden ratio, made odd (figure 16)
    private ulong _state = seed;

    /// <summary>The generator of story number <paramref name="index"/> of a text: the child seeded with that output of the parent.</summary>
    public static StoryRandom ForStory(ulong seed, long index) => new(Mix(seed + GoldenGamma * (ulong)(index + 1)));

    /// <summary>A whole number from 0 to <paramref name="count"/> - 1.</summary>
    /// <remarks>The high half of a 128-bit product. Its bias is below count / 2^64, far under the rounding of any probability here.</remarks>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    private ulong Next() => Mix(_state += GoldenGamma);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
