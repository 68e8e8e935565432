namespace Weft.Tensors.Quantization;

/// <summary>Finds scales (and offsets) that make the weighted squared error of rounding small.</summary>
/// <remarks>
/// The searches of ggml's reference quantizers (MIT licence, the ggml authors), step by step, so that files made here are as good as
/// those made there, and mostly the same. Each tries a few scales near the one that uses the whole range, rounds, and solves for the
/// scale (and offset) that fit the rounded integers best.
/// </remarks>
internal static class ScaleSearch
{
    /// <summary>Below this a group counts as zero.</summary>
    internal const float Negligible = 1e-15f;

    /// <summary>x ≈ scale (q - limit), q in 0 .. 2 limit - 1. Weights default to x².</summary>
    internal static float Symmetric(int limit, ReadOnlySpan<float> x, Span<byte> q, ReadOnlySpan<float> weights)
    {
        float largest = Largest(x, out float magnitude);
        if (magnitude < Negligible)
        {
            q.Clear();
            return 0;
        }
        float inverse = -limit / largest, sumLx = 0, sumL2 = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int l = Math.Clamp(Nearest(inverse * x[i]), -limit, limit - 1);
            q[i] = (byte)(l + limit);
            float w = weights.IsEmpty ? x[i] * x[i] : weights[i];
            sumLx += w * x[i] * l;
            sumL2 += w * l * l;
        }
        float scale = sumL2 != 0 ? sumLx / sumL2 : 0, best = scale * sumLx;
        for (int step = -9; step <= 9; step++)
        {
            if (step == 0) continue;
            inverse = -(limit + 0.1f * step) / largest;
            sumLx = sumL2 = 0;
            for (int i = 0; i < x.Length; i++)
            {
                int l = Math.Clamp(Nearest(inverse * x[i]), -limit, limit - 1);
                float w = weights.IsEmpty ? x[i] * x[i] : weights[i];
                sumLx += w * x[i] * l;
                sumL2 += w * l * l;
            }
            if (sumL2 > 0 && sumLx * sumLx > best * sumL2)
            {
                for (int i = 0; i < x.Length; i++) q[i] = (byte)(limit + Math.Clamp(Nearest(inverse * x[i]), -limit, limit - 1));
                scale = sumLx / sumL2;
                best = scale * sumLx;
            }
        }
        return scale;
    }

    /// <summary>x ≈ scale q - offset, q in 0 .. limit, offset at least 0.</summary>
    internal static (float Scale, float Offset) WithOffset(int limit, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, Span<byte> q, float first, float delta, int steps)
    {
        float minimum = x[0], maximum = x[0], sumW = weights[0], sumX = sumW * x[0];
        for (int i = 1; i < x.Length; i++)
        {
            minimum = x[i] < minimum ? x[i] : minimum;
            maximum = x[i] > maximum ? x[i] : maximum;
            sumW += weights[i];
            sumX += weights[i] * x[i];
        }
        if (minimum > 0) minimum = 0;
        if (maximum <= minimum)
        {
            q.Clear();
            return (0, -minimum);
        }
        float low = minimum, span = maximum - minimum, inverse = limit / span, scale = 1 / inverse, bestError = 0;
        for (int i = 0; i < x.Length; i++)
        {
            q[i] = (byte)Math.Clamp(Nearest(inverse * (x[i] - low)), 0, limit);
            float difference = scale * q[i] + low - x[i];
            bestError += weights[i] * (difference * difference);
        }
        Span<byte> candidate = stackalloc byte[x.Length];
        for (int step = 0; step <= steps; step++)
        {
            // Each try rounds from the best offset so far.
            inverse = (first + delta * step + limit) / (maximum - low);
            float sumL = 0, sumL2 = 0, sumXl = 0;
            for (int i = 0; i < x.Length; i++)
            {
                int l = Math.Clamp(Nearest(inverse * (x[i] - low)), 0, limit);
                candidate[i] = (byte)l;
                float w = weights[i];
                sumL += w * l;
                sumL2 += w * l * l;
                sumXl += w * l * x[i];
            }
            float determinant = sumW * sumL2 - sumL * sumL;
            if (!(determinant > 0)) continue;
            float thisScale = (sumW * sumXl - sumX * sumL) / determinant, thisLow = (sumL2 * sumX - sumL * sumXl) / determinant;
            if (thisLow > 0)
            {
                thisLow = 0;
                thisScale = sumXl / sumL2;
            }
            float error = 0;
            for (int i = 0; i < x.Length; i++)
            {
                float difference = thisScale * candidate[i] + thisLow - x[i];
                error += weights[i] * (difference * difference);
            }
            if (error < bestError)
            {
                candidate.CopyTo(q);
                bestError = error;
                scale = thisScale;
                low = thisLow;
            }
        }
        return (scale, -low);
    }

    /// <summary>x ≈ scale q for x at least 0, q in 0 .. limit: for the scales of scales.</summary>
    internal static float Positive(int limit, ReadOnlySpan<float> x, Span<byte> q, ReadOnlySpan<float> weights)
    {
        float maximum = 0;
        foreach (float value in x) maximum = Math.Max(maximum, value);
        if (maximum < Negligible)
        {
            q.Clear();
            return 0;
        }
        float inverse = limit / maximum, scale = 1 / inverse, bestError = 0;
        for (int i = 0; i < x.Length; i++)
        {
            float difference = x[i] - scale * Nearest(inverse * x[i]);
            bestError += weights[i] * difference * difference;
        }
        for (int step = -4; step <= 4; step++)
        {
            if (step == 0) continue;
            float thisInverse = (0.1f * step + limit) / maximum, thisScale = 1 / thisInverse, error = 0;
            for (int i = 0; i < x.Length; i++)
            {
                float difference = x[i] - thisScale * Math.Min(limit, Nearest(thisInverse * x[i]));
                error += weights[i] * difference * difference;
            }
            if (error < bestError) (bestError, inverse) = (error, thisInverse);
        }
        float sumLx = 0, sumL2 = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int l = Math.Clamp(Nearest(inverse * x[i]), 0, limit);
            q[i] = (byte)l;
            sumLx += weights[i] * x[i] * l;
            sumL2 += weights[i] * l * l;
        }
        bool changed = true;
        for (int round = 0; round < 5 && changed; round++)
        {
            changed = false;
            for (int i = 0; i < x.Length; i++)
            {
                float w = weights[i], lx = sumLx - w * x[i] * q[i], l2 = sumL2 - w * q[i] * q[i];
                if (!(lx > 0 && l2 > 0)) continue;
                int l = Math.Clamp(Nearest(x[i] * l2 / lx), 0, limit);
                if (l == q[i]) continue;
                lx += w * x[i] * l;
                l2 += w * l * l;
                if (!(lx * lx * sumL2 > sumLx * sumLx * l2)) continue;
                q[i] = (byte)l;
                (sumLx, sumL2, changed) = (lx, l2, true);
            }
        }
        return sumL2 > 0 ? sumLx / sumL2 : 0;
    }

    /// <summary>x ≈ scale · step[q] for a block of 32; the integers are chosen from the scale afterwards.</summary>
    internal static float Uneven(ReadOnlySpan<float> x, ReadOnlySpan<float> weights)
    {
        const int Tries = 7;
        ReadOnlySpan<sbyte> steps = SmallBlocks.UnevenSteps;
        float largest = Largest(x, out float magnitude);
        if (magnitude < Negligible) return 0;
        Fit(1 / (-largest / steps[0]), x, weights, out float sumQx, out float sumQ2);
        float scale = sumQ2 > 0 ? sumQx / sumQ2 : 0, best = scale * sumQx;
        for (int shift = -Tries; shift <= Tries; shift++)
        {
            Fit((shift + steps[0]) / largest, x, weights, out sumQx, out sumQ2);
            if (sumQ2 > 0 && sumQx * sumQx > best * sumQ2)
            {
                scale = sumQx / sumQ2;
                best = scale * sumQx;
            }
        }
        return scale;
    }

    /// <summary>The step nearest to x; of two equally near ones the upper.</summary>
    internal static int NearestStep(float x)
    {
        ReadOnlySpan<sbyte> steps = SmallBlocks.UnevenSteps;
        if (!(x > steps[0])) return 0;
        if (x >= steps[^1]) return steps.Length - 1;
        int low = 0, high = steps.Length - 1;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            if (x < steps[middle]) high = middle;
            else low = middle;
        }
        return x - steps[high - 1] < steps[high] - x ? high - 1 : high;
    }

    /// <summary>Rounds to the nearest integer, ties to even.</summary>
    internal static int Nearest(float x) => (int)MathF.Round(x);

    internal static float Largest(ReadOnlySpan<float> x, out float magnitude)
    {
        float largest = 0;
        magnitude = 0;
        foreach (float value in x)
        {
            if (!(Math.Abs(value) > magnitude)) continue;
            magnitude = Math.Abs(value);
            largest = value;
        }
        return largest;
    }

    private static void Fit(float inverse, ReadOnlySpan<float> x, ReadOnlySpan<float> weights, out float sumQx, out float sumQ2)
    {
        sumQx = sumQ2 = 0;
        for (int j = 0; j < x.Length; j++)
        {
            float q = SmallBlocks.UnevenSteps[NearestStep(inverse * x[j])], w = weights[j];
            sumQx += w * q * x[j];
            sumQ2 += w * q * q;
        }
    }
}
