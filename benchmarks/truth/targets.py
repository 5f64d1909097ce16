"""What the project promises of its models, beside what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.truth import board

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Results = Sequence[dict[str, Any]]

BIAS = {0.5: 0.03, 3.0: 0.03, 10.0: 0.05}  # by true half-life in days
DISTANCE = (
    (5.0, board.HAZARD, ("independent", "short_half_life", "split_identities")),
    (7.0, board.HAZARD, ("organic", "long_half_life")),
    (5.0, board.PAIRS_SEEDING, ("synergy", "seeding")),
    (5.0, board.BY_CHANNEL, ("mixed_half_lives",)),
    (7.0, board.CHOSEN, ("delayed", "multiplicative", "saturation")),
    (9.0, board.INTENT_TESTS, ("static_intent",)),
)
LINKS = (  # the seven regimes, and the four seeds, in which the hold-out is to find the link
    "independent", "static_intent", "organic", "mixed_half_lives", "seeding", "multiplicative",
    "multiplicative_intent",
)  # fmt: skip
LINK_SEEDS = 4
MARKOV_LIKE = ("Markov(1)", "Markov(2)")


def targets(found: dict[str, Any]) -> list[Row]:
    """Return one row for each promise."""
    return [
        *_speed(found["speed"]),
        *_half_lives(found["half_life"]),
        *_distances(found["board"]),
        *_links(found["board"]),
        *_intervals(found["intervals"], found["bootstraps"]),
        *_blocks(found["blocks"]),
        *_money(found["money"]),
        *_files(found["files"]),
    ]


def _speed(found: dict[str, Any]) -> Iterator[Row]:
    what = "Hazard with intervals, 100,000 people, CPU of a fresh process, imports apart"
    if not found:
        yield Row(what, bar="≤ 1.5 s")
        return
    yield Row(f"{what}, {found['touchpoints']:,.0f} touchpoints", f"{found['cpu']:.2f} s",
              "≤ 1.5 s", found["cpu"] <= 1.5)  # fmt: skip


def _half_lives(found: Results) -> Iterator[Row]:
    for days, bar in BIAS.items():
        mine = [each for each in found if each["days"] == days]
        name = f"Half-life of {days:g} days"
        if not mine:
            yield Row(f"{name}: bias of the mean", bar=f"within {bar:.0%}")
            continue
        bias = float(np.mean([each["found"] for each in mine])) / days - 1
        yield Row(f"{name}: bias of the mean of {len(mine)} replicates", f"{bias:+.1%}",
                  f"within {bar:.0%}", abs(bias) <= bar)  # fmt: skip
        held = float(np.mean([each["low"] <= days <= each["high"] for each in mine]))
        yield between(f"{name}: coverage of its 95 % interval", held, 0.90, 1.0)
        inside = sum(each["inside"] for each in mine) / sum(each["stated"] for each in mine)
        yield between(f"{name}: coverage of effects", inside, 0.92, 0.985)
    zero = [each["zero"] for each in found if each["zero"] is not None]
    what = "A channel without effect: its interval holds 0"
    yield at_least(what, float(np.mean(zero)) if zero else None, 0.93)


def _distances(worlds: Results) -> Iterator[Row]:
    for bar, model, presets in DISTANCE:
        for preset in presets:
            mine = [world for world in worlds if world["preset"] == preset]
            rows = [row for world in mine for row in world["rows"] if row["model"] == model]
            rest = {
                name: np.mean([row["tv"] for world in mine for row in world["rows"]
                               if row["model"] == name])
                for name in (board.LAST, "Markov(1)")
            } if mine else {}  # fmt: skip
            beside = "".join(f"; {name} {value:.1f}" for name, value in rest.items())
            regime = f"{mine[0]['regime']} ({preset.replace('_', ' ')})" if mine else preset
            yield at_most(f"{model}: TV x 100 in regime {regime}{beside}", _mean(rows, "tv"), bar)
            if model == board.INTENT_TESTS:
                yield at_most(f"... of the channels that were not tested, in regime {regime}",
                              _mean(rows, "tv_untested"), bar)  # fmt: skip


def _links(worlds: Results) -> Iterator[Row]:
    mine = [world for world in worlds if world["preset"] in LINKS and world["seed"] < LINK_SEEDS]
    right = sum(world["chosen"] == world["link"] for world in mine)
    whole = len(LINKS) * LINK_SEEDS
    what = "Hold-out picks the right link, seven regimes x four seeds"
    if len(mine) < whole:
        yield Row(what, f"{right} of {len(mine)}" if mine else "", f"≥ 27 of {whole}",
                  right >= len(mine) * 27 / whole if mine else None)  # fmt: skip
    else:
        yield Row(what, f"{right} of {whole}", f"≥ 27 of {whole}", right >= 27)
    right = sum(world["chosen"] == world["link"] for world in worlds)
    yield Row("... in all regimes and seeds", f"{right} of {len(worlds)}" if worlds else "")


def _intervals(found: Results, bootstraps: Results) -> Iterator[Row]:
    for model in found[0]["held"] if found else ():
        both = held_by(found, model)
        yield between(f"{model}: coverage of 95 % intervals of credit", both["conversions"],
                      0.92, 0.98)  # fmt: skip
    for each in bootstraps:
        for model, taken in each["models"].items():
            ratio = 1000 * taken["replicate"] / taken["interval"]
            yield at_least(f"{model}: CPU of 1,000 bootstraps / that of all intervals", ratio,
                           100.0, digits=0)  # fmt: skip


def held_by(found: Sequence[dict[str, Any]], model: str) -> dict[str, float]:
    """Return the share of intervals that hold, of credit and of shares, over channels."""
    sets = sum(each["sets"] for each in found)
    return {
        what: float(np.mean(sum(np.array(each["held"][model][what]) for each in found))) / sets
        for what in ("conversions", "share")
    }


def _blocks(found: Results) -> Iterator[Row]:
    ratios = [ratio for each in found for ratio in each["ratios"]]
    if ratios:
        yield Row("Hazard: standard errors of effects, information matrix / blocks",
                  f"{np.mean(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip


def _money(found: Results) -> Iterator[Row]:
    for differing in (False, True):
        mine = [each for each in found if each["differing"] == differing]
        streamers = sum(each["streamers"] for each in mine)
        worth = "differing by streamer" if differing else "alike"
        for model in mine[0]["held"] if mine else ():
            held = sum(each["held"][model] for each in mine) / streamers
            what = f"{model}: true contribution inside the interval, orders' worth {worth}"
            if model == "Hazard":
                yield at_least(what, held, 0.93)
            else:
                yield Row(what, f"{held:.3f}")


def _files(found: Results) -> Iterator[Row]:
    for each in found:
        yield Row(
            f"Hazard from export files, {each['preset']}: TV x 100, direct / by files",
            f"{each['direct']['tv']:.2f} / {each['files']['tv']:.2f}", "+ 1 at most",
            each["files"]["tv"] <= each["direct"]["tv"] + 1,
        )  # fmt: skip


def at_most(what: str, found: float | None, bar: float) -> Row:
    """Return a row for a figure that is to be small."""
    if found is None:
        return Row(what, bar=f"≤ {bar:g}")
    return Row(what, f"{found:.1f}", f"≤ {bar:g}", found <= bar)


def at_least(what: str, found: float | None, bar: float, digits: int = 3) -> Row:
    """Return a row for a figure that is to be large."""
    if found is None:
        return Row(what, bar=f"≥ {bar:g}")
    return Row(what, f"{found:.{digits}f}", f"≥ {bar:g}", found >= bar)


def between(what: str, found: float, low: float, high: float) -> Row:
    """Return a row for a figure that is to lie between two others."""
    return Row(what, f"{found:.3f}", f"{low:g} to {high:g}", low <= found <= high)


def _mean(rows: Results, what: str) -> float | None:
    return float(np.mean([row[what] for row in rows])) if rows else None
