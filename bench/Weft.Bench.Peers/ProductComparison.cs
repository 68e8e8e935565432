using System.Globalization;
using TorchSharp;
using Weft.Tensors;
using Weft.Tensors.Autograd;
using Weft.Tensors.Kernels;
using Weft.Tensors.Threading;
using static TorchSharp.torch;
using Tensor = Weft.Tensors.Tensor;

namespace Weft.Bench.Peers;

/// <summary>Matrix products beside libtorch's, through each library's linear map: y = x Wᵀ.</summary>
/// <remarks>In bf16 both sides begin with float32 factors, as mixed precision does; or libtorch's are rounded before the clock starts.</remarks>
internal static class ProductComparison
{
    /// <summary>Rows, outputs, inputs: the shapes of design/KERNELS.md, the head of GPT-2 and one decoded token.</summary>
    internal static readonly (int M, int N, int K)[] Shapes =
    [
        (1024, 1024, 1024), (256, 3072, 768), (256, 768, 3072), (768, 384, 128), (768, 64, 64), (2048, 384, 384), (2048, 1536, 384), (256, 50257, 768), (1, 768, 3072), (1, 50257, 768),
    ];

    internal static void Run(int pairs, PeerPrecision precision)
    {
        foreach ((int M, int N, int K) shape in Shapes) One(shape, pairs, precision);
    }

    private static void One((int M, int N, int K) shape, int pairs, PeerPrecision peerPrecision)
    {
        (int M, int N, int K) = shape;
        RandomGenerator generator = new(7);
        Tensor x = generator.FillGaussian(Tensor.Uninitialized([M, K]), 0, 1), w = generator.FillGaussian(Tensor.Uninitialized([N, K]), 0, 1);
        using DisposeScope outer = NewDisposeScope();
        torch.Tensor tx = tensor(x.ToArray<float>(), [M, K]), tw = tensor(w.ToArray<float>(), [N, K]);
        bool bf16 = peerPrecision != PeerPrecision.Float32;
        if (peerPrecision == PeerPrecision.Bfloat16) (tx, tw) = (tx.to(ScalarType.BFloat16), tw.to(ScalarType.BFloat16));
        using GradMode.Restorer mode = GradMode.Off();
        using ProductPrecision.Restorer precision = ProductPrecision.Use(bf16 ? Precision.Bf16 : Precision.Float32);
        void Weft()
        {
            using MemoryScope scope = MemoryScope.Enter();
            x.Linear(w);
        }
        void Peer()
        {
            using DisposeScope inner = NewDisposeScope();
            if (peerPrecision == PeerPrecision.Autocast) nn.functional.linear(tx.to(ScalarType.BFloat16), tw.to(ScalarType.BFloat16));
            else nn.functional.linear(tx, tw);
        }
        using (no_grad())
        {
            Pairs times = Pairs.Measure(Weft, Peer, pairs);
            ResultTable.Write(peerPrecision switch { PeerPrecision.Float32 => "Product, float32", PeerPrecision.Autocast => "Product, bf16", _ => "Product, bf16, peer's factors rounded before" }, $"({M}, {N}, {K})", times, null);
            if (!bf16 && M > 1) ShareOfPeak(Weft, 2.0 * M * N * K, $"({M}, {N}, {K})", pairs);
        }
    }

    // What multiply-adds alone would do at the time: neighbours take from both.
    private static void ShareOfPeak(Action weft, double operations, string name, int pairs)
    {
        double most = MachineProbe.RunPeak(ForkJoin.ThreadCount).Operations;
        List<double> shares = [.. Pairs.Measure(weft, static () => MachineProbe.RunPeak(ForkJoin.ThreadCount), pairs).Ratios.Select(ratio => ratio * operations / most)];
        ResultTable.Note($"Share of the multiply-add peak in float32, {name}", string.Create(CultureInfo.InvariantCulture, $"{ResultTable.Median(shares):P0} ({shares.Min():P0} to {shares.Max():P0} over {pairs} pairs)"));
    }
}
