namespace Weft.Training.Schedules;

/// <summary>Lowers the rate when a measured value stops improving.</summary>
/// <remarks>It depends on what happened, not on the step alone: <see cref="Report"/> each measurement (torch's ReduceLROnPlateau).</remarks>
public sealed class PlateauRate : LearningRateSchedule
{
    private readonly double _factor, _threshold, _floor, _smallestChange;
    private readonly int _patience, _cooldown;
    private readonly bool _maximize, _relative;
    private double _rate, _best;
    private int _bad, _cooling;

    /// <summary>Starts at a rate.</summary>
    /// <param name="rate">The first rate.</param>
    /// <param name="factor">What the rate is multiplied by.</param>
    /// <param name="patience">Measurements without improvement that are let pass.</param>
    /// <param name="threshold">By how much a value must be better to count as one.</param>
    /// <param name="relative">Whether the threshold is a share of the best value.</param>
    /// <param name="cooldown">Measurements after a change that do not count.</param>
    /// <param name="floor">The lowest rate.</param>
    /// <param name="maximize">Whether larger is better.</param>
    /// <param name="smallestChange">A smaller change of the rate is left out.</param>
    public PlateauRate(double rate, double factor = 0.1, int patience = 10, double threshold = 1e-4, bool relative = true, int cooldown = 0, double floor = 0, bool maximize = false, double smallestChange = 1e-8)
    {
        (_rate, _factor, _patience, _threshold, _relative) = (rate, factor, patience, threshold, relative);
        (_cooldown, _floor, _maximize, _smallestChange) = (cooldown, floor, maximize, smallestChange);
        _best = maximize ? double.NegativeInfinity : double.PositiveInfinity;
    }

    /// <inheritdoc/>
    public override double At(long step) => _rate;

    /// <summary>Takes a measurement into account.</summary>
    /// <exception cref="ArgumentException">The value is not a number.</exception>
    public void Report(double value)
    {
        if (double.IsNaN(value)) throw new ArgumentException("PlateauRate: the measured value is NaN.");
        if (IsBetter(value)) (_best, _bad) = (value, 0);
        else _bad++;
        if (_cooling > 0)
        {
            _cooling--;
            _bad = 0;
        }
        if (_bad <= _patience) return;
        double lower = Math.Max(_rate * _factor, _floor);
        if (_rate - lower > _smallestChange) _rate = lower;
        (_cooling, _bad) = (_cooldown, 0);
    }

    private bool IsBetter(double value)
    {
        if (double.IsInfinity(_best)) return true;
        double margin = _relative ? Math.Abs(_best) * _threshold * (_best < 0 ? -1 : 1) : _threshold;
        return _maximize ? value > _best + margin : value < _best - margin;
    }
}
