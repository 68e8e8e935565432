using System.Numerics;
using System.Text;

namespace Weft.Tokenizers.ChatTemplates;

/// <summary>Indexing and slicing of sequences.</summary>
internal static class PythonSlices
{
    /// <summary>One item of a sequence by its place, or false where there is none.</summary>
    public static bool TryIndex(object? sequence, BigInteger index, out object? item)
    {
        item = null;
        switch (sequence)
        {
            case PythonList list: return TryPick(list.Items, index, out item);
            case PythonTuple tuple: return TryPick(tuple.Items, index, out item);
            case PythonRange range: return TryPick([.. range.Items], index, out item);
            default:
                if (PythonValue.Text(sequence) is not string text) return false;
                if (!TryPick(CodePoints.Split(text), index, out object? character)) return false;
                item = character;
                return true;
        }
    }

    /// <summary>A slice of a sequence.</summary>
    public static object? Slice(object? sequence, object? start, object? stop, object? step)
    {
        if (sequence is Undefined undefined) throw undefined.Error();
        switch (sequence)
        {
            case PythonList list: return new PythonList(Take(list.Items, start, stop, step));
            case PythonTuple tuple: return new PythonTuple(Take(tuple.Items, start, stop, step));
            case PythonRange range: return new PythonList(Take([.. range.Items], start, stop, step));
            default:
                if (PythonValue.Text(sequence) is not string text) throw ChatTemplateException.Type($"'{PythonValue.TypeName(sequence)}' object is not subscriptable");
                StringBuilder result = new();
                foreach (string character in Take(CodePoints.Split(text), start, stop, step)) result.Append(character);
                return result.ToString();
        }
    }

    private static bool TryPick<T>(IReadOnlyList<T> items, BigInteger index, out object? item)
    {
        BigInteger at = index.Sign < 0 ? index + items.Count : index;
        bool found = at.Sign >= 0 && at < items.Count;
        item = found ? items[(int)at] : null;
        return found;
    }

    private static IEnumerable<T> Take<T>(IReadOnlyList<T> items, object? start, object? stop, object? step)
    {
        int count = items.Count;
        BigInteger by = Whole(step) ?? 1;
        if (by.IsZero) throw ChatTemplateException.Value("slice step cannot be zero");
        bool forward = by.Sign > 0;
        BigInteger low = forward ? 0 : -1;
        BigInteger high = forward ? count : count - 1;
        BigInteger from = Whole(start) is BigInteger s ? Clamp(s) : forward ? low : high;
        BigInteger to = Whole(stop) is BigInteger e ? Clamp(e) : forward ? high : low;
        List<T> taken = [];
        for (BigInteger at = from; forward ? at < to : at > to; at += by) taken.Add(items[(int)at]);
        return taken;

        BigInteger Clamp(BigInteger place)
        {
            if (place.Sign < 0) place += count;
            return BigInteger.Min(BigInteger.Max(place, low), high);
        }
    }

    private static BigInteger? Whole(object? value) => value switch
    {
        null => null,
        bool or BigInteger => (BigInteger)PythonValue.Number(value)!,
        Undefined undefined => throw undefined.Error(),
        _ => throw ChatTemplateException.Type("slice indices must be integers or None or have an __index__ method"),
    };
}
