using System.Diagnostics;

namespace Weft.Bench.Peers;

/// <summary>Times of two sides that took turns.</summary>
/// <param name="Ours">Weft, in milliseconds a call.</param>
/// <param name="Theirs">The peer, in milliseconds a call.</param>
/// <param name="Ratios">The peer's time by Weft's, pair by pair.</param>
internal sealed record Pairs(List<double> Ours, List<double> Theirs, List<double> Ratios)
{
    // A block lasts at least this long, so that the clock and the change of sides do not show.
    private const double BlockMilliseconds = 120, WarmMilliseconds = 25;

    /// <summary>Runs the two sides in blocks that take turns, first one and then the other ahead.</summary>
    internal static Pairs Measure(Action weft, Action peer, int pairs, double blockMilliseconds = BlockMilliseconds)
    {
        // The first calls compile and fill caches.
        int ourCalls = Calls(weft, blockMilliseconds), theirCalls = Calls(peer, blockMilliseconds);
        Pairs result = new([], [], []);
        for (int pair = 0; pair < pairs; pair++)
        {
            double ours, theirs;
            if (pair % 2 == 0)
            {
                ours = Block(weft, ourCalls);
                theirs = Block(peer, theirCalls);
            }
            else
            {
                theirs = Block(peer, theirCalls);
                ours = Block(weft, ourCalls);
            }
            result.Ours.Add(ours);
            result.Theirs.Add(theirs);
            result.Ratios.Add(theirs / ours);
        }
        return result;
    }

    private static int Calls(Action side, double milliseconds)
    {
        for (int i = 0; i < 3; i++) side();
        long start = Stopwatch.GetTimestamp();
        int calls = 0;
        do
        {
            side();
            calls++;
        }
        while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < milliseconds);
        return calls;
    }

    private static double Block(Action side, int calls)
    {
        // The other side's threads go to sleep (OpenMP's spin for some milliseconds after their last loop, on a core that this side needs), and the caches fill.
        long start = Stopwatch.GetTimestamp();
        do side();
        while (Stopwatch.GetElapsedTime(start).TotalMilliseconds < WarmMilliseconds);
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < calls; i++) side();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / calls;
    }
}
