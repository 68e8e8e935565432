using TorchSharp;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Training.Optimizers;
using static TorchSharp.torch;
using Tensor = Weft.Tensors.Tensor;

namespace Weft.Bench.Peers;

/// <summary>Single layers beside libtorch's, forward and backward, with the results compared.</summary>
internal static class LayerComparison
{
    // Sums of some thousand numbers of size one in another order.
    private const double Tolerance = 2e-3;

    internal static void Run(int pairs)
    {
        Both("layer norm, 2048 x 384", pairs, [[2048, 384], [384], [384]], static t => t[0].LayerNorm(t[1], t[2], 1e-5), static t => nn.functional.layer_norm(t[0], [384], t[1], t[2], 1e-5));
        Both("RMS norm, 2048 x 384", pairs, [[2048, 384], [384]], static t => t[0].RmsNorm(t[1], 1e-6), static t => t[0] * (t[0] * t[0]).mean([-1], true).add(1e-6).rsqrt() * t[1]);
        Both("batch norm, 32 x 64 x 28 x 28", pairs, [[32, 64, 28, 28], [64], [64]], static t => t[0].BatchNorm(t[1], t[2]), static t => nn.functional.batch_norm(t[0], zeros(64), ones(64), t[1], t[2], training: true));
        Both("softmax, 2048 x 1024", pairs, [[2048, 1024]], static t => t[0].Softmax(), static t => nn.functional.softmax(t[0], -1));
        Both("GELU, 2048 x 1536", pairs, [[2048, 1536]], static t => t[0].Gelu(), static t => nn.functional.gelu(t[0]));
        Convolution("LeNet's first convolution, 64 images", pairs, [64, 1, 28, 28], [6, 1, 5, 5], 2);
        Convolution("LeNet's second convolution, 64 images", pairs, [64, 6, 14, 14], [16, 6, 5, 5], 0);
        Convolution("convolution 3 x 3, 16 x 64 x 28 x 28", pairs, [16, 64, 28, 28], [64, 64, 3, 3], 1);
        Recurrent(RecurrentCell.Lstm, "LSTM", pairs);
        Recurrent(RecurrentCell.Gru, "GRU", pairs);
        CrossEntropy(pairs, 256, 50257);
        Embedding(pairs, 50257, 384, 4096);
        Adam(pairs, 16_000_000);
    }

    private static void Both(string name, int pairs, Shape[] shapes, Func<Tensor[], Tensor> weft, Func<torch.Tensor[], torch.Tensor> peer)
    {
        using DisposeScope outer = NewDisposeScope();
        Tensor[] ours = [.. shapes.Select(static (s, i) => new RandomGenerator((ulong)i + 1).FillGaussian(Tensor.Uninitialized(s), 0, 1).RequireGrad())];
        torch.Tensor[] theirs = [.. ours.Select(static t => Copy(t).requires_grad_())];
        Compare(name, pairs, ours, theirs, () => weft(ours), () => peer(theirs));
    }

    private static void Convolution(string name, int pairs, Shape x, Shape weight, int padding) =>
        Both(name, pairs, [x, weight, [weight[0]]], t => t[0].Convolution(t[1], t[2], padding: [padding, padding]), t => nn.functional.conv2d(t[0], t[1], t[2], padding: [padding, padding]));

    // 64 steps of 16 sequences.
    private static void Recurrent(RecurrentCell cell, string name, int pairs)
    {
        const int Steps = 64, Rows = 16, Width = 256;
        using DisposeScope outer = NewDisposeScope();
        nn.Module module = cell == RecurrentCell.Lstm ? nn.LSTM(Width, Width) : nn.GRU(Width, Width);
        Dictionary<string, TorchSharp.Modules.Parameter> parameters = module.named_parameters().ToDictionary(static p => p.name, static p => p.parameter);
        TorchSharp.Modules.Parameter[] theirs = [parameters["weight_ih_l0"], parameters["weight_hh_l0"], parameters["bias_ih_l0"], parameters["bias_hh_l0"]];
        Tensor[] ours = [.. theirs.Select(static p => Tensor.From(p.data<float>().ToArray()).Reshape(Array.ConvertAll(p.shape, static s => (int)s)).RequireGrad())];
        RecurrentWeights weights = new(ours[0], ours[1], ours[2], ours[3]);
        Tensor x = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([Steps, Rows, Width]), 0, 1).RequireGrad();
        torch.Tensor peerX = Copy(x).requires_grad_();
        Compare($"{name}, {Steps} steps x {Rows} x {Width}", pairs, [x, .. ours], [peerX, .. theirs], () => x.Recurrence(cell, weights).Output,
            () => module is TorchSharp.Modules.LSTM lstm ? lstm.forward(peerX).Item1 : ((TorchSharp.Modules.GRU)module).forward(peerX).Item1);
    }

    private static void CrossEntropy(int pairs, int rows, int classes)
    {
        using DisposeScope outer = NewDisposeScope();
        int[] targets = [.. Enumerable.Range(0, rows).Select(i => i * 7919 % classes)];
        Tensor logits = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([rows, classes]), 0, 1).RequireGrad(), ids = Tensor.From(targets);
        torch.Tensor peer = Copy(logits).requires_grad_(), peerIds = tensor(Array.ConvertAll(targets, static i => (long)i));
        Compare($"cross entropy, {rows} x {classes}", pairs, [logits], [peer], () => logits.CrossEntropy(ids), () => nn.functional.cross_entropy(peer, peerIds));
    }

    private static void Embedding(int pairs, int vocabulary, int width, int tokens)
    {
        using DisposeScope outer = NewDisposeScope();
        int[] ids = [.. Enumerable.Range(0, tokens).Select(i => (int)((long)i * i % vocabulary))];
        Tensor table = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([vocabulary, width]), 0, 1).RequireGrad(), ours = Tensor.From(ids);
        torch.Tensor theirs = tensor(Array.ConvertAll(ids, static i => (long)i));
        using TorchSharp.Modules.Embedding module = nn.Embedding(vocabulary, width);
        module.weight = new TorchSharp.Modules.Parameter(Copy(table));
        Compare($"embedding, {tokens} of {vocabulary} x {width}", pairs, [table], [module.weight], () => table.Embedding(ours), () => module.forward(theirs));
    }

    private static void Adam(int pairs, int count)
    {
        using DisposeScope outer = NewDisposeScope();
        Tensor p = new RandomGenerator(1).FillGaussian(Tensor.Uninitialized([count]), 0, 1).RequireGrad();
        TorchSharp.Modules.Parameter peer = new(Copy(p));
        p.Name = "p";
        (p * p).Sum().Backward();
        (peer * peer).sum().backward();
        AdamW ours = new([new ParameterGroup([p], 0.1)]);
        using TorchSharp.Modules.AdamW theirs = optim.AdamW([peer], 1e-3, weight_decay: 0.1);
        Pairs times = Pairs.Measure(() => ours.Step(1e-3), () => theirs.step(), pairs);
        ResultTable.Write("Layer, float32", $"AdamW, {count / 1_000_000} million", times, null);
    }

    private static void Compare(string name, int pairs, Tensor[] ours, torch.Tensor[] theirs, Func<Tensor> weft, Func<torch.Tensor> peer)
    {
        Tensor gradient = new RandomGenerator(9).FillGaussian(Tensor.Uninitialized(weft().Shape), 0, 1);
        torch.Tensor peerGradient = gradient.Rank == 0 ? tensor(gradient.Item()).to(ScalarType.Float32) : Copy(gradient);
        void Ours()
        {
            using MemoryScope scope = MemoryScope.Enter();
            weft().Backward(gradient, releaseActivations: true);
            foreach (Tensor t in ours) t.ClearGrad();
        }
        void Theirs()
        {
            using DisposeScope inner = NewDisposeScope();
            peer().backward([peerGradient]);
            foreach (torch.Tensor t in theirs) t.grad!.zero_();
        }
        weft().Backward(gradient);
        peer().backward([peerGradient]);
        double apart = 0;
        for (int i = 0; i < ours.Length; i++)
        {
            float[] a = ours[i].Grad!.ToArray<float>(), b = theirs[i].grad!.data<float>().ToArray();
            for (int j = 0; j < a.Length; j++) apart = Math.Max(apart, Math.Abs(a[j] - b[j]) / Math.Max(1, Math.Abs(b[j])));
        }
        if (apart > Tolerance) throw new InvalidOperationException($"{name}: the gradients are {apart:E1} apart.");
        foreach (Tensor t in ours) t.ClearGrad();
        ResultTable.Write("Layer, float32", name, Pairs.Measure(Ours, Theirs, pairs), apart);
    }

    private static torch.Tensor Copy(Tensor t) => tensor(t.Detach().ToArray<float>(), Array.ConvertAll(t.Shape.ToArray(), static s => (long)s));
}
