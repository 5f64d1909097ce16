"""Other packages on the same path counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_journeys import path_file
from benchmarks.rows import Chosen, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 900.0

# Each family begins with ours, whose shares the others' are compared with.
FAMILIES = (
    (
        ("ours", "Markov(1), conversions and value"),
        ("channelattribution", "ChannelAttribution, simulated, conversions and value"),
        ("mam", "MAM 2, conversions"),
        ("do_attribution", "do-attribution, redirect_to_null, conversions"),
    ),
    (
        ("ours_heuristics", "five rules, conversions and value; linear"),
        ("channelattribution_heuristics", "ChannelAttribution's three, with value; linear"),
        ("mam_heuristics", "MAM's four, conversions; linear"),
    ),
)


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    file = path_file("M")
    for family in FAMILIES:
        shares: dict[str, float] = {}
        for function, name in family:
            try:
                runs = [
                    measure.workload(f"peers.{function}", file, longest=LONGEST)
                    for _ in range(chosen.repeats)
                ]
            except measure.Failed as failure:
                yield Row(f"M: {name}", f"failed: {failure}")
                continue
            found = runs[0].result()["shares"]
            shares = found if function.startswith("ours") else shares
            gaps = [abs(found.get(each, 0.0) - share) for each, share in shares.items()]
            beside = f", shares up to {max(gaps) * 100:.2g} points off ours" if any(gaps) else ""
            yield Row(f"M: {name}", f"{measure.cpu(runs):.2f} s CPU, "
                      f"{measure.peak(runs):.2f} GB{beside}")  # fmt: skip
