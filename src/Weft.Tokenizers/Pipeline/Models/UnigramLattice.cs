namespace Weft.Tokenizers;

/// <summary>All ways to cut a text into the tokens of a Unigram model, with their probabilities.</summary>
/// <remarks>
/// A node is one token at one place. Sums over paths are by dynamic programming (forward-backward), so that they cost the number of
/// nodes and not of paths; the best paths in order come out of an A* search from the end (Nagata 1994).
/// </remarks>
internal sealed class UnigramLattice
{
    private readonly List<Node> _nodes = [];
    private readonly List<int>[] _starting; // node numbers by the place where they begin
    private readonly List<int>[] _ending;   // node numbers by the place where they end

    /// <summary>One token at one place.</summary>
    internal readonly record struct Node(int Id, int Start, int End, double Score);

    /// <param name="model">Tokens and scores.</param>
    /// <param name="text">The text, normalized.</param>
    /// <param name="unknownId">The id of a character that no token covers.</param>
    public UnigramLattice(UnigramModel model, string text, int unknownId)
    {
        Length = text.Length;
        _starting = new List<int>[text.Length + 1];
        _ending = new List<int>[text.Length + 1];
        for (int i = 0; i <= text.Length; i++) (_starting[i], _ending[i]) = ([], []);
        int length;
        for (int at = 0; at < text.Length; at += length)
        {
            length = char.IsHighSurrogate(text[at]) && at + 1 < text.Length ? 2 : 1;
            bool covered = false;
            foreach ((int end, int id) in model.TokensAt(text, at))
            {
                covered |= end == at + length;
                Add(new Node(id, at, end, model.Scores[id]));
            }
            if (!covered) Add(new Node(unknownId, at, at + length, model.UnknownScore));
        }
    }

    /// <summary>The number of UTF-16 units.</summary>
    public int Length { get; }

    /// <summary>The nodes.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    private void Add(Node node)
    {
        _starting[node.Start].Add(_nodes.Count);
        _ending[node.End].Add(_nodes.Count);
        _nodes.Add(node);
    }

    /// <summary>For every node the probability that a random path goes through it; paths weigh exp(<paramref name="alpha"/> x score).</summary>
    /// <param name="probabilities">By node.</param>
    /// <param name="alpha">1: the model's own distribution; smaller: flatter.</param>
    /// <returns>The logarithm of the sum over all paths.</returns>
    public double Marginals(Span<double> probabilities, double alpha = 1)
    {
        double[] forward = Forward(alpha);
        double[] backward = new double[Length + 1];
        Array.Fill(backward, double.NegativeInfinity);
        backward[Length] = 0;
        for (int at = Length - 1; at >= 0; at--)
            foreach (int n in _starting[at])
                backward[at] = LogAdd(backward[at], alpha * _nodes[n].Score + backward[_nodes[n].End]);
        for (int n = 0; n < _nodes.Count; n++)
        {
            Node node = _nodes[n];
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
            foreach (int n in _ending[at])
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
            foreach (int n in _ending[partial.At])
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
            int chosen = _ending[at][^1];
            foreach (int n in _ending[at])
            {
                threshold -= Math.Exp(forward[_nodes[n].Start] + alpha * _nodes[n].Score - forward[at]);
                if (threshold >= 0) continue;
                chosen = n;
                break;
            }
            ids.Add(_nodes[chosen].Id);
            at = _nodes[chosen].Start;
        }
        ids.Reverse();
        return ids.ToArray();
    }

    private sealed record Partial(int Node, int At, double Score, Partial? Next);

    private double[] Forward(double alpha)
    {
        double[] forward = new double[Length + 1];
        Array.Fill(forward, double.NegativeInfinity);
        forward[0] = 0;
        for (int at = 1; at <= Length; at++)
            foreach (int n in _ending[at])
                forward[at] = LogAdd(forward[at], forward[_nodes[n].Start] + alpha * _nodes[n].Score);
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
