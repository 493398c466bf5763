"""How often something fails."""

from __future__ import annotations

from datetime import timedelta

from meshdoctor.istio.rates import per_second
from tests.conftest import NOW


def test_a_fault_that_does_not_fill_the_window_is_not_watered_down() -> None:
    times = [NOW - timedelta(seconds=s) for s in range(1, 21)]
    assert per_second(times, NOW, 60.0) == 1.0


def test_one_line_is_no_high_rate_and_none_is_none() -> None:
    assert per_second([NOW], NOW, 60.0) == 0.2
    assert per_second([], NOW, 60.0) == 0.0


def test_lines_without_a_time_count_over_the_window() -> None:
    assert per_second([None] * 6, NOW, 60.0) == 0.1
