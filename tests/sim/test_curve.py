from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.sim import load
from edgekit.sim.curve import Curve

POWERS = st.floats(0, 500, allow_nan=False)
POINTS = st.lists(st.tuples(st.integers(0, 10**9), POWERS), min_size=1, max_size=12)
TIMES = st.integers(0, 10**11)


@st.composite
def curves(draw):
    gaps = draw(POINTS)
    times, watts, t = [0], [gaps[0][1]], 0
    for gap, power in gaps[1:]:
        t += gap
        times.append(t)
        watts.append(power)
    period = t + draw(st.integers(1, 10**9)) if draw(st.booleans()) else None
    return Curve(times_ns=tuple(times), power_w=tuple(watts), period_ns=period)


def exact_j(curve, t_ns):
    """Integrate by areas of trapezoids in exact arithmetic, one by one."""
    total, done = Fraction(0), 0
    while done < t_ns:
        base = done // curve.period_ns * curve.period_ns if curve.period_ns else 0
        corners = [base + t for t in curve.times_ns if base + t > done] + ([base + curve.period_ns] if curve.period_ns else [])
        end = min([t_ns, *corners])
        middle = Fraction(done + end, 2) - base
        total += _watts(curve, middle) * (end - done)
        done = end
    return total / 10**9


def _watts(curve, t):
    index = max(i for i, start in enumerate(curve.times_ns) if start <= t)
    first = Fraction(curve.power_w[index])
    if index + 1 == len(curve.times_ns):
        return first
    width = curve.times_ns[index + 1] - curve.times_ns[index]
    return first + (Fraction(curve.power_w[index + 1]) - first) * (t - curve.times_ns[index]) / width


@given(curves(), st.integers(0, 3 * 10**9))
def test_the_total_is_the_area_under_the_curve(curve, t_ns):
    if curve.period_ns:
        t_ns %= 20 * curve.period_ns  # the plain sum visits every corner
    assert curve.total_j(t_ns) == pytest.approx(float(exact_j(curve, t_ns)), rel=1e-9, abs=1e-9)


@given(curves(), st.lists(TIMES, min_size=3, max_size=3))
def test_energies_of_neighbouring_spans_add_up_and_never_fall(curve, times):
    a, b, c = sorted(times)
    ab, bc, ac = (curve.total_j(y) - curve.total_j(x) for x, y in ((a, b), (b, c), (a, c)))
    assert ab + bc == pytest.approx(ac, rel=1e-9, abs=1e-6)
    assert ab >= -1e-6


@given(curves().filter(lambda curve: curve.period_ns), TIMES)
def test_a_repeated_curve_gives_the_same_energy_in_each_period(curve, t_ns):
    period_j = curve.total_j(curve.period_ns)
    assert curve.total_j(t_ns + curve.period_ns) - curve.total_j(t_ns) == pytest.approx(period_j, rel=1e-9, abs=1e-5)
    assert curve.power(t_ns + curve.period_ns) == curve.power(t_ns)


@given(POWERS, POWERS, st.floats(1e-3, 10), st.floats(0.05, 0.95), st.floats(0, 1))
def test_a_square_wave_has_the_mean_that_its_duty_says(low_w, high_w, period_s, duty, phase):
    wave = load.square(low_w, high_w, period_s, duty, phase)
    mean_w = wave.total_j(wave.period_ns) / (wave.period_ns / 1e9)
    assert mean_w == pytest.approx(duty * high_w + (1 - duty) * low_w, rel=1e-5, abs=1e-5)


def test_a_square_wave_begins_at_its_phase():
    wave = load.square(1.0, 9.0, 1.0, duty=0.25, phase=0.5)
    assert [wave.power(round(t * 1e9)) for t in (0.0, 0.49, 0.5, 0.74, 0.75, 1.5)] == [1.0, 1.0, 9.0, 9.0, 1.0, 9.0]
    over = load.square(1.0, 9.0, 1.0, duty=0.5, phase=0.75)
    assert [over.power(round(t * 1e9)) for t in (0.0, 0.24, 0.25, 0.8)] == [9.0, 9.0, 1.0, 9.0]


def test_steps_ramp_and_bursts():
    steps = load.steps([(0, 30), (9, 300)])
    assert steps.total_j(10 * 10**9) == 570
    assert load.ramp(0, 10, 2).total_j(3 * 10**9) == 20
    bursts = load.bursts(7, 50, 0.02, 0.03)
    assert bursts == load.bursts(7, 50, 0.02, 0.03)
    assert bursts != load.bursts(8, 50, 0.02, 0.03)
    assert set(bursts.power_w) == {0.0, 50.0}
    assert bursts.total_j(bursts.period_ns) / 60 == pytest.approx(20, rel=0.2)


@pytest.mark.parametrize(
    ("times", "watts", "period"),
    [((), (), None), ((1,), (1.0,), None), ((0, 2, 1), (1.0,) * 3, None), ((0, 5), (1.0, 1.0), 4), ((0,), (), None)],
)
def test_points_that_are_no_curve_are_refused(times, watts, period):
    with pytest.raises(ValueError, match="a curve"):
        Curve(times_ns=times, power_w=watts, period_ns=period)


def test_a_duty_outside_of_the_period_is_refused():
    with pytest.raises(ValueError, match="duty"):
        load.square(0, 1, 1, duty=1.0)
