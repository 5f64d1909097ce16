"""Sums by part: they are the sums of the parts, and come back from the disk as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attribution.model import example_journeys
from attribution.models.heuristic import FirstTouch, Linear
from attribution.models.markov import Markov
from attribution.models.shapley import Shapley
from attribution.refresh.sums import (
    part_of,
    parted,
    read_tallies,
    summed,
    with_channels,
    write_tallies,
)

MODELS = [FirstTouch(), Linear(), Markov(2), Shapley(worth="rate")]


def dated(seed=0, rows=300):
    journeys = example_journeys(seed, rows)
    rng = np.random.default_rng(seed)
    days = rng.integers(-2, 5, len(journeys)).astype(np.int32)
    return replace(journeys, day=days, block=rng.integers(0, 64, len(journeys)).astype(np.uint8))


def close(one, other):
    assert one.channels == other.channels
    left, right = one.frame(), other.frame()
    assert {*left.index} == {*right.index}
    assert np.allclose(left.to_numpy(), right.loc[left.index].to_numpy(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("nth", range(len(MODELS)))
def test_every_part_has_its_own_tally(nth):
    journeys, model = dated(), MODELS[nth]
    batches = [journeys.take(slice(start, start + 30)) for start in range(0, len(journeys), 30)]
    sums = summed(batches, MODELS)
    close(sums.totals[nth], model.tally(journeys))
    for parts, of in ((sums.days[nth], journeys.day), (sums.blocks[nth], journeys.block)):
        found = part_of(parts)
        for part in {*of.tolist()}:
            expected = model.tally(journeys.take(of == part))
            if len(expected):
                close(found.pop(part), expected)
        assert not found


def test_sums_subtract_to_nothing():
    journeys = dated()
    more = dated(1)
    sums, both = summed([journeys], MODELS), summed([journeys, more], MODELS)
    rest = both.less(summed([more], MODELS))
    for left, right in zip(rest.totals + rest.days, sums.totals + sums.days, strict=True):
        close(left, right)
    assert all(not len(tally) for tally in sums.less(sums).blocks)


def test_tallies_come_back_from_the_disk(tmp_path):
    journeys = replace(dated(), channels=('a\n"b"', "x > y", "z", "~", "雨 · 直播"))
    sums = summed([journeys], MODELS)
    empty = MODELS[0].tally(journeys.take(slice(0, 0)))
    written = (*sums.totals, empty, *sums.days, *sums.blocks)
    write_tallies(tmp_path / "sums", written)
    found = read_tallies(tmp_path / "sums")
    assert len(found) == len(written)
    assert all(one == other for one, other in zip(found, written, strict=True))
    assert [tally.measures for tally in found] == [tally.measures for tally in written]


def test_a_tally_can_be_told_which_channels_there_are():
    tally = FirstTouch().tally(dated())
    wider = with_channels(tally, (*tally.channels, "~new"))
    assert wider.channels[-1] == "~new"
    close(with_channels(wider, tally.channels), tally)
    with pytest.raises(ValueError, match="not among"):
        with_channels(tally, tally.channels[1:])


def test_nothing_adds_to_nothing():
    tally = FirstTouch().tally(dated())
    assert not len(tally - tally)
    nothing = parted({}, tally)
    assert not len(nothing)
    assert nothing.columns == tally.columns
