using System.Numerics;
using Weft.Tensors;

namespace Weft.Training.Optimizers;

/// <summary>Steps that solve a penalty exactly instead of following its gradient.</summary>
public static class Proximal
{
    /// <summary>Moves every value to zero by a threshold and stops there: sign(p) · max(|p| - threshold, 0).</summary>
    /// <remarks>The proximal step of threshold · Σ|p| (Beck and Teboulle 2009, SIAM J. Imaging Sciences 2(1), eq. 1.5).</remarks>
    public static void SoftThreshold(Tensor parameter, double threshold) =>
        ElementwiseUpdate.Run(parameter, parameter, [], new UpdateFactors(1, 0, 1), new Rule(threshold));

    private readonly struct Rule(double threshold) : IUpdateRule
    {
        public void Run<T>(Lanes<T> x) where T : unmanaged, IFloatingPointIeee754<T>
        {
            Vector<T> limit = Lanes<T>.Of(threshold);
            for (int i = 0; i < x.Count; i++)
            {
                Vector<T> p = x.Weights[i], rest = Vector.Max(Vector.Abs(p) - limit, Vector<T>.Zero);
                x.Weights[i] = Vector.CopySign(rest, p);
            }
        }
    }
}
