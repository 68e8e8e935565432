using Weft.Tensors;

namespace Weft.Golden.Tests.Ops;

internal static class ElementwiseHandlers
{
    // PyTorch's trigamma shifts its argument by 6 and ends the asymptotic series at 1/(42 x^7): the next term, 1/(30 x^9), is 2e-9.
    private const double SixTermTrigamma = 4e-9;

    internal static void Add(GoldenRunner runner)
    {
        Unary(runner);
        Binary(runner);
        runner.Op("isnan", c => c.X.IsNaN());
        runner.Op("isinf", c => c.X.IsInfinity());
        runner.Op("isfinite", c => c.X.IsFinite());
        runner.Op("eq", c => c.X.Equal(c["y"]));
        runner.Op("ne", c => c.X.NotEqual(c["y"]));
        runner.Op("lt", c => c.X.Less(c["y"]));
        runner.Op("le", c => c.X.LessOrEqual(c["y"]));
        runner.Op("gt", c => c.X.Greater(c["y"]));
        runner.Op("ge", c => c.X.GreaterOrEqual(c["y"]));
        runner.Op("logical_and", c => c.X.LogicalAnd(c["y"]));
        runner.Op("logical_or", c => c.X.LogicalOr(c["y"]));
        runner.Op("logical_xor", c => c.X.LogicalXor(c["y"]));
        runner.Op("logical_not", c => c.X.LogicalNot());
        runner.Op("clamp", c => c.X.Clamp(c.Attrs.DoubleOrNull("min") ?? double.NegativeInfinity, c.Attrs.DoubleOrNull("max") ?? double.PositiveInfinity));
        runner.Op("where", c => c["cond"].Where(c.X, c["y"]));
        runner.Op("masked_fill", c => c.X.MaskedFill(c["mask"], c.Attrs.Double("value")));
        runner.Op("logit", c => c.X.Logit(c.Attrs.DoubleOrNull("eps")));
        runner.Op("nan_to_num", c => c.X.ReplaceNonFinite(c.Attrs.Double("nan"), c.Attrs.DoubleOrNull("posinf"), c.Attrs.DoubleOrNull("neginf")));
        runner.Op("expand", c =>
        {
            int[] sizes = c.Attrs.Ints("shape"); // -1 keeps a size
            for (int i = 1; i <= c.X.Rank; i++) if (sizes[^i] == -1) sizes[^i] = c.X.Shape[^i];
            return c.X.Expand(new Shape(sizes));
        });
    }

    private static void Unary(GoldenRunner runner)
    {
        runner.Op("neg", c => c.X.Negate());
        runner.Op("abs", c => c.X.Absolute());
        runner.Op("exp", c => c.X.Exp());
        runner.Op("exp2", c => c.X.Exp2());
        runner.Op("expm1", c => c.X.ExpMinusOne());
        runner.Op("log", c => c.X.Log());
        runner.Op("log2", c => c.X.Log2());
        runner.Op("log10", c => c.X.Log10());
        runner.Op("log1p", c => c.X.LogOnePlus());
        runner.Op("sqrt", c => c.X.Sqrt());
        runner.Op("rsqrt", c => c.X.Rsqrt());
        runner.Op("square", c => c.X.Square());
        runner.Op("reciprocal", c => c.X.Reciprocal());
        runner.Op("sin", c => c.X.Sin());
        runner.Op("cos", c => c.X.Cos());
        runner.Op("tan", c => c.X.Tan());
        runner.Op("asin", c => c.X.Asin());
        runner.Op("acos", c => c.X.Acos());
        runner.Op("atan", c => c.X.Atan());
        runner.Op("sinh", c => c.X.Sinh());
        runner.Op("cosh", c => c.X.Cosh());
        runner.Op("tanh", c => c.X.Tanh());
        runner.Op("asinh", c => c.X.Asinh());
        runner.Op("acosh", c => c.X.Acosh());
        runner.Op("atanh", c => c.X.Atanh());
        runner.Op("sigmoid", c => c.X.Sigmoid());
        runner.Op("erf", c => c.X.Erf());
        runner.Op("erfc", c => c.X.Erfc());
        runner.Op("erfinv", c => c.X.ErfInverse());
        runner.Op("lgamma", c => c.X.LogGamma());
        runner.Op("digamma", c => c.X.Digamma(), SixTermTrigamma);
        runner.Op("floor", c => c.X.Floor());
        runner.Op("ceil", c => c.X.Ceiling());
        runner.Op("round", c => c.X.Round());
        runner.Op("trunc", c => c.X.Truncate());
        runner.Op("frac", c => c.X.Fraction());
        runner.Op("sign", c => c.X.Sign());
    }

    private static void Binary(GoldenRunner runner)
    {
        runner.Op("add", c => c.X + c["y"]);
        runner.Op("sub", c => c.X - c["y"]);
        runner.Op("mul", c => c.X * c["y"]);
        runner.Op("div", c => c.Attrs.StringOrNull("rounding_mode") switch
        {
            "floor" => c.X.FloorDivide(c["y"]),
            "trunc" => c.X.TruncateDivide(c["y"]),
            _ => c.X / c["y"],
        });
        runner.Op("maximum", c => c.X.Maximum(c["y"]));
        runner.Op("minimum", c => c.X.Minimum(c["y"]));
        runner.Op("fmax", c => c.X.MaximumNumber(c["y"]));
        runner.Op("fmin", c => c.X.MinimumNumber(c["y"]));
        runner.Op("hypot", c => c.X.Hypotenuse(c["y"]));
        runner.Op("logaddexp", c => c.X.LogAddExp(c["y"]));
        runner.Op("atan2", c => c.X.Atan2(c["y"]));
        runner.Op("pow", c => c.X.Pow(c["y"]));
        runner.Op("pow_scalar", c => c.X.Pow(c.Attrs.Double("exponent")));
        runner.Op("rpow_scalar", c => c.X.PowerOf(c.Attrs.Double("base")));
        runner.Op("xlogy", c => c.X.XLogY(c["y"]));
        runner.Op("fmod", c => c.X.FMod(c["y"]));
        runner.Op("remainder", c => c.X.Remainder(c["y"]));
        runner.Op("add_alpha", c => c.X + c["y"] * c.Attrs.Double("alpha"));
        runner.Op("lerp", c => c.X.Lerp(c["y"], c.Attrs.Double("weight")));
        runner.Op("addcmul", c => c.X + c["a"] * c["b"] * c.Attrs.Double("value"));
        runner.Op("addcdiv", c => c.X + c["a"] / c["b"] * c.Attrs.Double("value"));
    }
}
