"""The page `benchmarks/truth.md`: what was promised first, then every table."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import page as readme
from benchmarks.rows import Row
from benchmarks.truth import board
from benchmarks.truth.targets import held_by, targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PAGE = Path(__file__).resolve().parent.parent / "truth.md"
SHARING = (
    "First touch", board.LAST, "Linear", "Time decay, 7 days", board.DECAY_FOUND,
    "Position 40/20/40", "Markov(1)", "Markov(2)", "Markov(3)", "Shapley, conversions",
    "Shapley, rate", "Shao-Li", "Logistic", "Counterfactual Shapley",
)  # fmt: skip
CAUSAL = (
    board.HAZARD, board.BY_CHANNEL, board.INTENT, board.PAIRS_SEEDING, board.MULTIPLICATIVE,
    board.MULTIPLICATIVE_INTENT, board.CHOSEN, board.INTENT_TESTS, board.FULL_TESTS,
)  # fmt: skip
MODELS = (*SHARING, *CAUSAL, board.LAST_TESTS)
BARS_FOR = 60_000  # people
LEAST = 0.9  # of intervals that hold, below which the page says so


class Measured(NamedTuple):
    """What a run has found, section by section, and how many tasks it has yet to do."""

    size: str
    people: int
    seeds: int
    commit: str
    found: dict[str, Any]
    missing: dict[str, int]


def write(measured: Measured) -> list[Row]:
    """Write the page, and return what was promised."""
    rows = targets(measured.found)
    text = "\n".join(_lines(measured, rows))
    PAGE.write_text(text.rstrip() + "\n", encoding="utf-8")
    return rows


def _lines(measured: Measured, rows: Sequence[Row]) -> Iterator[str]:
    worlds = measured.found["board"]
    yield "# Truth"
    yield ""
    yield (
        "Models against simulated worlds in which it is known what each channel caused: how many "
        "orders fewer there would have been without it ([how](../attribution/worlds/truth.py)). "
        "`python -m benchmarks truth` measures it in five minutes, `--full` as below in at most "
        "90; `--resume` goes on where a run was stopped, and `--only SECTION` does a part."
    )
    yield ""
    if measured.people < BARS_FOR:
        yield (
            f"**This is the quick run: {measured.people:,} people in each world and "
            f"{measured.seeds} seeds. The bars are for {BARS_FOR:,} people; with fewer, chance "
            f"takes models {np.sqrt(BARS_FOR / measured.people):.1f} times as far from the truth.**"
        )
        yield ""
    left = [f"{count} of {name}" for name, count in measured.missing.items() if count]
    if left:
        yield f"**Not all is measured yet: there are still to come {', '.join(left)}.**"
        yield ""
    yield from _in_words(worlds)
    yield "## What was promised"
    yield ""
    yield from _table(
        ("what", "found", "bar", "met"), (row.cells() for row in rows), "a row without a bar is "
        "told and not judged" if any(row.met is None for row in rows) else "",
    )  # fmt: skip
    yield from _board(worlds)
    yield from _half_lives(measured.found["half_life"])
    yield from _intervals(measured.found["intervals"], measured.found["bootstraps"])
    yield from _money(measured.found["money"])
    yield from _files(measured.found["files"])
    yield (
        f"<sub>{datetime.now(UTC):%d %B %Y}, {measured.size}: {measured.people:,} people in each "
        f"world, up to {measured.seeds} seeds; {readme.machine()}; {readme.versions()}"
        f"{f'; commit {measured.commit}' if measured.commit else ''}.</sub>"
    )


# ------------------------------------------------------------------------------ in words


def _in_words(worlds: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield where the causal model is ahead, and every place where it is not."""
    scored = by_regime(worlds, "tv")
    if not scored:
        return
    names = {world["preset"]: world["regime"] for world in worlds}
    ahead, behind = [], []
    for preset in _presets(worlds):
        mine = scored[preset][board.CHOSEN]
        best = _nearest(scored[preset], SHARING)
        theirs = scored[preset][best]
        gap = np.array(theirs) - np.array(mine)
        where = f"{names[preset]} ({preset.replace('_', ' ')})"
        if gap.mean() > 0:
            ahead.append(where)
        else:
            behind.append(
                f"{where}: {best} is {np.mean(theirs):.1f} away, Hazard {np.mean(mine):.1f}"
            )
    yield (
        f"Of {len(ahead) + len(behind)} kinds of worlds, Hazard without anything but journeys, its "
        f"link chosen by hold-out, is nearer to the truth than every model that shares orders in "
        f"{len(ahead)}: {', '.join(ahead)}."
    )
    yield ""
    yield "**Where it loses, and what it gets wrong:**"
    yield ""
    for line in behind:
        yield f"- In {line}."
    yield from _wrong(worlds, names)
    yield ""


def _wrong(worlds: Sequence[dict[str, Any]], names: dict[str, str]) -> Iterator[str]:
    inside = _coverage(worlds)
    low = [
        f"{names[preset]} ({inside[preset][board.CHOSEN]:.2f})"
        for preset in _presets(worlds)
        if inside[preset][board.CHOSEN] < LEAST
    ]
    if low:
        yield (
            "- Its 95 % intervals are of sampling error only. Where the world is not as the model "
            f"has it, they hold the truth less often than {LEAST:.0%}: {', '.join(low)}."
        )
    scored = by_regime(worlds, "tv")
    for preset in ("static_intent", "intent_bursts", "everything", "multiplicative_intent"):
        if preset in scored:
            mine, helped, hand = (np.mean(scored[preset][model]) for model in
                                  (board.CHOSEN, board.FULL_TESTS, board.LAST_TESTS))  # fmt: skip
            yield (
                f"- Where intent brings both orders and touchpoints ({names[preset]}) it is "
                f"{mine:.1f} away; with a sign of intent, pairs, seeding and two lift tests, which "
                f"the additive link alone takes, {helped:.1f}; last touch put right by the same "
                f"two tests {hand:.1f}."
            )
    wrong = [
        f"{names[world['preset']]} seed {world['seed']}" for world in worlds
        if world["chosen"] != world["link"]
    ]  # fmt: skip
    if wrong:
        yield f"- The hold-out chose the wrong link in {', '.join(wrong)}."


# ------------------------------------------------------------------------------ regimes x models


def by_regime(worlds: Sequence[dict[str, Any]], what: str) -> dict[str, dict[str, list[float]]]:
    """Return by preset and model the figures of all seeds."""
    out: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for world in worlds:
        for row in world["rows"]:
            if row.get(what) is not None:
                out[world["preset"]][row["model"]].append(row[what])
    return out


def _coverage(worlds: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    inside, stated = by_regime(worlds, "inside"), by_regime(worlds, "stated")
    return {
        preset: {model: sum(inside[preset][model]) / max(sum(counts), 1)
                 for model, counts in models.items()}
        for preset, models in stated.items()
    }  # fmt: skip


def _nearest(scored: dict[str, list[float]], models: Sequence[str]) -> str:
    """Return the model whose mean is the smallest."""
    return min((m for m in models if m in scored), key=lambda m: float(np.mean(scored[m])))


def _presets(worlds: Sequence[dict[str, Any]]) -> list[str]:
    there = {world["preset"] for world in worlds}
    return [preset for preset in board.REGIMES if preset in there]


def _board(worlds: Sequence[dict[str, Any]]) -> Iterator[str]:
    from attribution.worlds.presets import preset as settings_of

    presets = _presets(worlds)
    if not presets:
        return
    seeds = {len(by_regime(worlds, "tv")[preset][board.LAST]) for preset in presets}
    many = " to ".join(str(each) for each in sorted({min(seeds), max(seeds)}))
    yield "## Regimes"
    yield ""
    yield from _table(
        ("", "preset", "what is in it", "orders", "touchpoints"),
        (
            (
                settings_of(preset).regime, preset, settings_of(preset).about,
                *(f"{np.mean([w[key] for w in worlds if w['preset'] == preset]):,.0f}"
                  for key in ("orders", "touchpoints")),
            )
            for preset in presets
        ),
    )  # fmt: skip
    yield (
        "Every seed draws effects anew; one channel has none, but for regime 0. Credit of models "
        "that share orders is their conversions; of Hazard its effects, by fits to everything the "
        "world shows. Lift tests are of the two channels that find people of high intent: where "
        'there is intent a favourable choice, so untested channels are scored apart. "Last touch, '
        'two lift tests" is put right by hand: tested channels as tested, the others scaled alike.'
    )
    yield ""
    heads = ("model", *(settings_of(preset).regime for preset in presets))
    for title, what, digits, note in (
        ("Distance of shares from the truth", "tv", 1,
         f"total variation x 100, mean ± standard error of {many} seeds; the nearest in bold"),
        ("Distance among untested channels", "tv_untested", 1,
         "the same, of shares among the six channels without a test"),
        ("Rank correlation", "rank", 2, "Spearman's, mean"),
        ("Over-claim", "claim", 2, "claimed orders / orders caused, mean; 1 is right"),
    ):  # fmt: skip
        yield f"### {title}"
        yield ""
        scored = by_regime(worlds, what)
        errors = what.startswith("tv")
        best = {preset: _nearest(scored[preset], MODELS) for preset in presets}
        yield from _table(
            heads,
            (
                (model, *(
                    _cell(scored[preset].get(model), digits, errors,
                          bold=errors and best[preset] == model)
                    for preset in presets))
                for model in MODELS
            ),
            note,
        )  # fmt: skip
    yield "### Coverage of 95 % intervals of effects"
    yield ""
    inside = _coverage(worlds)
    yield from _table(
        heads,
        ((model, *(f"{inside[preset][model]:.2f}" if model in inside[preset] else ""
                   for preset in presets)) for model in CAUSAL),
        "share of channels and seeds whose interval holds the truth",
    )  # fmt: skip
    yield "### Which link the hold-out chose"
    yield ""
    yield from _table(
        heads,
        [("right, of", *(
            f"{sum(w['chosen'] == w['link'] for w in worlds if w['preset'] == preset)}/"
            f"{sum(w['preset'] == preset for w in worlds)}" for preset in presets))],
    )  # fmt: skip


def _cell(values: list[float] | None, digits: int, errors: bool, *, bold: bool) -> str:
    if not values:
        return ""
    text = f"{np.mean(values):.{digits}f}"
    if errors and len(values) > 1:
        text += f"±{np.std(values, ddof=1) / np.sqrt(len(values)):.{digits}f}"
    return f"**{text}**" if bold else text


# ------------------------------------------------------------------------------ further tables


def _half_lives(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not found:
        return
    yield "## Half-life recovered"
    yield ""
    rows = []
    for days in sorted({each["days"] for each in found}):
        mine = [each for each in found if each["days"] == days]
        values = np.array([each["found"] for each in mine])
        held = [each["low"] <= days <= each["high"] for each in mine]
        inside = sum(each["inside"] for each in mine) / sum(each["stated"] for each in mine)
        rows.append(
            (f"{days:g} days", f"{values.mean():.3f} ± {values.std(ddof=1):.3f}",
             f"{values.mean() / days - 1:+.1%}", f"{np.mean(held):.2f}", f"{inside:.3f}",
             f"{np.mean([each['zero'] for each in mine]):.2f}",
             f"{np.mean([each['tv'] for each in mine]):.1f}", str(len(mine)))
        )  # fmt: skip
    yield from _table(
        ("true", "found, mean ± sd", "bias", "coverage", "coverage of effects",
         "zero channel's interval holds 0", "TV x 100", "replicates"), rows,
        "worlds of independent channels; 95 % Wald intervals on the scale of logarithms",
    )  # fmt: skip


def _intervals(
    found: Sequence[dict[str, Any]], bootstraps: Sequence[dict[str, Any]]
) -> Iterator[str]:
    if not found:
        return
    yield "## Intervals of models that share orders"
    yield ""
    speed = bootstraps[0]["models"] if bootstraps else {}
    rows = []
    for model in found[0]["held"]:
        cells = [model, *(f"{held:.3f}" for held in held_by(found, model).values())]
        if model in speed:
            taken = speed[model]
            ratio = 1000 * taken["replicate"] / taken["interval"]
            cells += [f"{taken['interval'] * 1000:.0f} ms", f"{taken['replicate']:.4f} s",
                      f"{ratio:.0f}"]  # fmt: skip
        else:
            cells += ["", "", ""]
        rows.append(cells)
    sets = sum(each["sets"] for each in found)
    yield from _table(
        ("model", "coverage of credit", "of shares", "all intervals, CPU", "one bootstrap, CPU",
         "1,000 bootstraps / ours"), rows,
        f"{sets} data sets drawn from one population 50 times as large, whose credit is to be "
        "held; times are of the scoreboard's size",
    )  # fmt: skip


def _money(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not found:
        return
    yield "## Contribution of streamers"
    yield ""
    rows = []
    for differing in (False, True):
        mine = [each for each in found if each["differing"] == differing]
        for model in mine[0]["held"] if mine else ():
            streamers = sum(each["streamers"] for each in mine)
            rows.append(
                ("differ, 0.6 to 1.6" if differing else "alike", model,
                 f"{sum(each['held'][model] for each in mine) / streamers:.3f}",
                 f"{sum(each['wrong_side'][model] for each in mine) / streamers:.3f}",
                 str(streamers))
            )  # fmt: skip
    yield from _table(
        ("orders' worth by streamer", "model", "truth inside the interval",
         "profit taken for loss, or loss for profit", "streamers"), rows,
        "incremental value less goods, commission and fees, beside what credit with its 95 % "
        "interval makes of it; ten streamers in each world",
    )  # fmt: skip


def _files(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not found:
        return
    yield "## From export files"
    yield ""
    yield from _table(
        ("world", "people", "TV x 100, direct", "by files", "the two apart"),
        ((each["preset"], f"{each['people']:,}", f"{each['direct']['tv']:.2f}",
          f"{each['files']['tv']:.2f}", f"{each['apart']:.4f}") for each in found),
        "exports of every platform written, ingested, people found by their ids, journeys "
        "assembled, Hazard fitted; beside Hazard of the world's own journeys",
    )  # fmt: skip


def _table(heads: Sequence[str], rows: Any, note: str = "") -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
    if note:
        yield f"<sub>{note[0].upper()}{note[1:]}.</sub>"
        yield ""
