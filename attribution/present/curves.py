"""Return curves as small multiples, and bars of a funnel, as inline SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from attribution.present.charts import nice_scale
from attribution.present.markup import joined

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["curve_mark", "hatching", "return_panel", "small_multiples", "stage_bar"]

_TOP, _FLOOR, _HEIGHT = 18, 92, 110
_LEFT, _RIGHT = 14.0, 90.0  # per cent of a panel's width between which the curves lie
_BAR = 12


def small_multiples(panels: Sequence[Markup]) -> Markup:
    """Return panels beside each other, as many as fit a row."""
    return Markup('<div class="multiples">{}</div>').format(joined(panels))


def return_panel(
    name: str,
    ages: Sequence[int],
    observed: Sequence[float],
    expected: Sequence[float],
    band: tuple[Sequence[float], Sequence[float]] | None,
    *,
    top: float,
    percent: Callable[[float], str],
    days: str,
    label: str,
) -> Markup:
    """Return one curve: observed solid as far as given, expected dashed, its interval a band.

    Parameters
    ----------
    ages
        Days, from 0 on; `observed` may end earlier than they do.
    band
        Low and high; None without an interval.
    top
        The share that the axis must reach; all panels of a figure have the same.
    days
        What stands at the end of the axis, such as "45 days".
    """
    last = max(ages[-1], 1)
    scale = nice_scale(0.0, max(top, 0.01), most=3)
    size = _FLOOR - _TOP

    def y(share: float) -> float:
        return _FLOOR - size * min(share, top) / max(top, 0.01)

    def points(shares: Sequence[float]) -> str:
        return " L".join(
            f"{age / last:.4f} {y(share) - _TOP:.2f}"
            for age, share in zip(ages, shares, strict=False)
        )

    lines = []
    if band is not None:
        low, high = band
        back = " L".join(
            f"{age / last:.4f} {y(share) - _TOP:.2f}"
            for age, share in zip(reversed(ages), reversed(low), strict=True)
        )
        lines.append(Markup('<path class="band" d="M{} L{} Z"/>').format(points(high), back))
    lines.append(Markup('<path class="curve expected" d="M{}"/>').format(points(expected)))
    if len(observed) > 1:
        lines.append(Markup('<path class="curve" d="M{}"/>').format(points(observed)))
    grid = [
        Markup('<line class="{}" x1="{}%" x2="{}%" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            "axis" if tick == 0 else "grid", _LEFT, _RIGHT, y=y(tick)
        )
        + Markup('<text x="{}%" y="{:.1f}" text-anchor="end">{}</text>').format(
            _LEFT - 2, y(tick) + 4, percent(tick).rstrip("%")
        )
        for tick in scale.ticks
    ]
    over = y(max(expected[-1], 0.0 if band is None else band[1][-1]))
    parts = [
        *grid,
        Markup(
            '<svg x="{}%" y="{}" width="{}%" height="{size}" viewBox="0 0 1 {size}" '
            'preserveAspectRatio="none">{}</svg>'
        ).format(_LEFT, _TOP, _RIGHT - _LEFT, joined(lines), size=size),
        Markup('<text class="strong" x="{}%" y="{:.1f}" text-anchor="end">{}</text>').format(
            _RIGHT, max(over - 5, 10), percent(expected[-1])
        ),
        Markup('<text x="{}%" y="{}" text-anchor="middle">0</text>').format(_LEFT, _HEIGHT - 3),
        Markup('<text x="{}%" y="{}" text-anchor="end">{}</text>').format(
            _RIGHT, _HEIGHT - 3, days
        ),
    ]
    return Markup(
        '<div><p class="name strong">{}</p><svg height="{}" role="img" aria-label="{}">{}</svg>'
        "</div>"
    ).format(name, _HEIGHT, label, joined(parts))


def curve_mark(kind: str) -> Markup:
    """Return a legend's mark: "observed", "expected", "band", "measured" or "inferred"."""
    drawn = {
        "observed": Markup('<line class="curve" x1="0" x2="100%" y1="6" y2="6"/>'),
        "expected": Markup('<line class="curve expected" x1="0" x2="100%" y1="6" y2="6"/>'),
        "band": Markup('<rect class="band" x="0" width="100%" y="1" height="10"/>'),
        "measured": Markup('<rect class="bar" x="0" width="100%" y="1" height="10"/>'),
        "inferred": Markup('<rect class="hatched" x="0" width="100%" y="1" height="10"/>'),
    }[kind]
    return Markup('<svg height="12" viewBox="0 0 22 12" aria-hidden="true">{}</svg>').format(drawn)


def hatching() -> Markup:
    """Return the hatching that `.hatched` is filled with; what hatches shows it once."""
    return Markup(
        '<svg class="hatching" width="0" height="0" aria-hidden="true"><defs><pattern '
        'id="ar-hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><line class="curve" x1="1" x2="1" y1="0" y2="5"/>'
        "</pattern></defs></svg>"
    )


def stage_bar(share: float, *, measured: bool, label: str) -> Markup:
    """Return a bar from zero, `share` of its column wide: solid if measured, else hatched."""
    return Markup(
        '<svg height="{}" role="img" aria-label="{}"><rect class="{}" x="0" width="{:.2f}%" y="2" '
        'height="{}"/></svg>'
    ).format(_BAR, label, "bar" if measured else "hatched", 100 * share, _BAR - 4)
