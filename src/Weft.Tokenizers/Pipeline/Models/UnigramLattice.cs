using System.Runtime.InteropServices;

namespace Weft.Tokenizers;

/// <summary>All ways to cut a text into the tokens of a Unigram model, with their probabilities.</summary>
/// <remarks>
/// A node is one token at one place. Sums over paths are by dynamic programming (forward-backward), so that they cost the number of
/// nodes and not of paths; the best paths in order come out of an A* search from the end (Nagata 1994). A lattice may read one text after
/// the other, and keeps its memory.
/// </remarks>
internal sealed class UnigramLattice
{
    private readonly List<Node> _nodes = [];
    private readonly List<(int End, int Id)> _found = [];
    private int[] _firstStarting = []; // by place: the first node that begins there; those of a place stand together
    private int[] _firstEnding = [];   // by place: the first node that ends there, or -1
    private int[] _nextEnding = [];    // by node: the next that ends where it does, or -1
    private double[] _forward = [], _backward = [];

    /// <summary>One token at one place.</summary>
    internal readonly record struct Node(int Id, int Start, int End, double Score);

    /// <summary>A lattice of no text.</summary>
    public UnigramLattice()
    {
    }

    /// <inheritdoc cref="Read"/>
    public UnigramLattice(UnigramModel model, string text, int unknownId) => Read(model, text, unknownId);

    /// <summary>Becomes the lattice of a text.</summary>
    /// <param name="model">Tokens and scores.</param>
    /// <param name="text">The text, normalized.</param>
    /// <param name="unknownId">The id of a character that no token covers.</param>
    public void Read(UnigramModel model, string text, int unknownId)
    {
        Length = text.Length;
        _nodes.Clear();
        if (_firstStarting.Length < Length + 1)
        {
            int room = 2 * Length + 1;
            (_firstStarting, _firstEnding, _forward, _backward) = (new int[room], new int[room], new double[room], new double[room]);
        }
        IReadOnlyList<double> scores = model.Scores;
        int length;
        for (int at = 0; at < text.Length; at += length)
        {
            length = char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1;
            _firstStarting[at] = _nodes.Count;
            bool covered = false;
            model.TokensAt(text, at, _found);
            foreach ((int end, int id) in _found)
            {
                covered |= end == at + length;
                _nodes.Add(new Node(id, at, end, scores[id]));
            }
            if (!covered) _nodes.Add(new Node(unknownId, at, at + length, model.UnknownScore));
            if (length == 2) _firstStarting[at + 1] = _nodes.Count;
        }
        _firstStarting[Length] = _nodes.Count;

        if (_nextEnding.Length < _nodes.Count) _nextEnding = new int[2 * _nodes.Count];
        Array.Fill(_firstEnding, -1, 0, Length + 1);
        for (int n = _nodes.Count - 1; n >= 0; n--) (_nextEnding[n], _firstEnding[_nodes[n].End]) = (_firstEnding[_nodes[n].End], n);
    }

    /// <summary>The number of UTF-16 units.</summary>
    public int Length { get; private set; }

    /// <summary>The nodes, until the next text is read.</summary>
    public ReadOnlySpan<Node> Nodes => CollectionsMarshal.AsSpan(_nodes);

    /// <summary>For every node the probability that a random path goes through it; paths weigh exp(<paramref name="alpha"/> x score).</summary>
    /// <param name="probabilities">By node.</param>
    /// <param name="alpha">1: the model's own distribution; smaller: flatter.</param>
    /// <returns>The logarithm of the sum over all paths.</returns>
    public double Marginals(Span<double> probabilities, double alpha = 1)
    {
        double[] forward = Forward(alpha), backward = _backward;
        ReadOnlySpan<Node> nodes = Nodes;
        backward[Length] = 0;
        for (int at = Length - 1; at >= 0; at--)
        {
            double sum = double.NegativeInfinity;
            for (int n = _firstStarting[at]; n < _firstStarting[at + 1]; n++) sum = LogAdd(sum, alpha * nodes[n].Score + backward[nodes[n].End]);
            backward[at] = sum;
        }
        for (int n = 0; n < nodes.Length; n++)
        {
            Node node = nodes[n];
            probabilities[n] = Math.Exp(forward[node.Start] + alpha * node.Score + backward[node.End] - forward[Length]);
        }
        return forward[Length];
    }

    /// <summary>The entropy in nats of the distribution over paths.</summary>
    public double Entropy(double alpha = 1)
    {
        // H = log Z - sum over nodes of P(node) x alpha x score.
        double[] probabilities = new double[_nodes.Count];
        double entropy = Marginals(probabilities, alpha);
        for (int n = 0; n < _nodes.Count; n++) entropy -= probabilities[n] * alpha * _nodes[n].Score;
        return entropy;
    }

    /// <summary>The best paths with their scores, best first.</summary>
    public List<(double Score, int[] Ids)> Best(int count)
    {
        double[] best = new double[Length + 1]; // the best score from the beginning to a place
        Array.Fill(best, double.NegativeInfinity);
        best[0] = 0;
        for (int at = 0; at <= Length; at++)
            for (int n = _firstEnding[at]; n >= 0; n = _nextEnding[n])
                best[at] = Math.Max(best[at], best[_nodes[n].Start] + _nodes[n].Score);

        // A path is built from the end; what is still missing costs exactly `best`, so that paths come off the queue in order.
        PriorityQueue<Partial, (double, int)> open = new();
        int order = 0;
        open.Enqueue(new Partial(-1, Length, 0, null), (0, order));
        List<(double, int[])> paths = [];
        // Ties could keep very many partial paths open.
        for (int steps = 0; paths.Count < count && steps < 1_000_000 && open.TryDequeue(out Partial? partial, out _); steps++)
        {
            if (partial.At == 0)
            {
                List<int> ids = [];
                for (Partial? step = partial; step is { Node: >= 0 }; step = step.Next) ids.Add(_nodes[step.Node].Id);
                paths.Add((partial.Score, [.. ids]));
                continue;
            }
            for (int n = _firstEnding[partial.At]; n >= 0; n = _nextEnding[n])
            {
                double score = partial.Score + _nodes[n].Score;
                open.Enqueue(new Partial(n, _nodes[n].Start, score, partial), (-(score + best[_nodes[n].Start]), ++order));
            }
        }
        return paths;
    }

    /// <summary>The ids of a path drawn at random; paths weigh exp(<paramref name="alpha"/> x score).</summary>
    public int[] Sample(Random random, double alpha)
    {
        double[] forward = Forward(alpha);
        List<int> ids = [];
        for (int at = Length; at > 0;)
        {
            double threshold = random.NextDouble();
            int chosen = _firstEnding[at];
            for (int n = chosen; n >= 0 && threshold >= 0; n = _nextEnding[n])
            {
                threshold -= Math.Exp(forward[_nodes[n].Start] + alpha * _nodes[n].Score - forward[at]);
                chosen = n; // the last, where rounding leaves something over
            }
            ids.Add(_nodes[chosen].Id);
            at = _nodes[chosen].Start;
        }
        ids.Reverse();
        return ids.ToArray();
    }

    private sealed record Partial(int Node, int At, double Score, Partial? Next);

    // By place: the logarithm of the sum over all paths to it. The next call writes over it.
    private double[] Forward(double alpha)
    {
        double[] forward = _forward;
        ReadOnlySpan<Node> nodes = Nodes;
        forward[0] = 0;
        for (int at = 1; at <= Length; at++)
        {
            double sum = double.NegativeInfinity;
            for (int n = _firstEnding[at]; n >= 0; n = _nextEnding[n]) sum = LogAdd(sum, forward[nodes[n].Start] + alpha * nodes[n].Score);
            forward[at] = sum;
        }
        return forward;
    }

    private static double LogAdd(double a, double b)
    {
        if (double.IsNegativeInfinity(a)) return b;
        if (double.IsNegativeInfinity(b)) return a;
        double larger = Math.Max(a, b);
        return larger + Math.Log(1 + Math.Exp(Math.Min(a, b) - larger));
    }
}
