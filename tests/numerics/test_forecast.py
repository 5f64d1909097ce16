"""What orders will be worth: against a planted truth, and piece by piece."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from attribution.numerics.forecast import Forecast, Learned, Parts, mean_curves
from attribution.numerics.jackknife import half_width, standard_errors
from attribution.numerics.maturity import Life, Tree, counted, log_kept, rates, triangle

BLOCKS = 64


def planted(rng, sizes, *, partial=False, per_person=1, tree=None):
    """Return what is learned of orders with known hazards, and what each will be worth."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    n = len(group)
    share, mean = rng.beta(4, 8, len(sizes)), rng.uniform(3, 8, len(sizes))
    person = rng.integers(0, n // per_person, n)
    _, person = np.unique(person, return_inverse=True)
    age = rng.uniform(0, 60, n)
    gross = np.exp(rng.normal(9, 0.8, n)).astype(np.int64) + 1
    comes_back = rng.random(n) < share[group]
    wait = rng.exponential(mean[group])
    part = rng.uniform(0.2, 1, n) if partial else 1.0
    amount = np.where(comes_back, gross * part, 0).astype(np.int64)
    seen = np.flatnonzero(comes_back & (wait <= age))
    lived = age.astype(np.int64)
    life = Life(group, lived, age % 1, gross, seen, wait[seen].astype(np.int64), amount[seen])
    tree = tree or Tree(np.zeros(len(sizes), np.int64), np.zeros(1, np.int64))
    block = (person * 2_654_435_761 % BLOCKS).astype(np.uint8)
    learned = Learned(life, tree, person, block, BLOCKS, int(lived.max()), 50)
    net = gross - counted(seen, amount[seen], n)
    late = comes_back & (wait > age) & (wait <= lived.max())  # nobody expects what comes later
    return learned, net, net - np.where(late, amount, 0)


def by_group(learned):
    """Parts by cell, and under a last label all orders together."""
    cells, n = len(learned.tree.place), len(learned.life.cell)
    return Parts(
        np.tile(np.arange(n), 2),
        np.concatenate([learned.life.cell, np.full(n, cells)]),
        np.ones(2 * n),
        cells + 1,
    )


def forecast_of(learned, net, **more):
    return Forecast(learned, np.arange(len(net)), net, **more)


@pytest.mark.parametrize(
    ("sizes", "partial"),
    [([300] * 6, False), ([15] * 20 + [300] * 3, False), ([150] * 8, True)],
    ids=["large", "tiny", "in part"],
)
def test_intervals_hold_a_planted_truth_as_often_as_they_say(sizes, partial):
    rng, inside, errors = np.random.default_rng(11), [], []
    for _ in range(40):
        learned, net, truth = planted(rng, sizes, partial=partial)
        forecast, parts = forecast_of(learned, net), by_group(learned)
        width = half_width(forecast.standard_errors(parts), 0.95, BLOCKS)
        true = counted(parts.label, truth[parts.row], parts.labels)
        whole = counted(parts.label, net[parts.row], parts.labels)
        off = forecast.expected(parts) - true
        inside.append(np.abs(off) <= width + 0.5)
        errors.append(off / whole)
    inside, errors = np.array(inside), np.array(errors)
    assert 0.92 <= inside[:, :-1].mean() <= 0.98
    assert inside[:, -1].mean() >= 0.85  # 40 draws
    assert np.abs(errors.mean()) < 0.015  # of 15 orders, one draw is off by 0.1
    assert np.abs(errors[:, -1].mean()) < 0.005


def test_replicates_are_the_estimate_without_each_block():
    learned, net, _ = planted(np.random.default_rng(2), [40, 60, 80])
    parts = by_group(learned)
    found = forecast_of(learned, net).replicates(parts)
    for block in (0, 17, 63):
        rows = np.flatnonzero(learned.block != block)
        place = np.full(len(net), -1)
        place[rows] = np.arange(len(rows))
        mine = place[learned.life.event_order] >= 0
        less = Life(
            *(column[rows] for column in learned.life[:4]),
            place[learned.life.event_order[mine]],
            *(column[mine] for column in learned.life[5:]),
        )
        fewer = rates(triangle(less, 3, learned.days), learned.tree, 50, learned.spread)
        # The same with the curves of the others, all orders being worth what they are.
        logs = log_kept(fewer.cell).ahead(learned.life.cell, learned.life.lived,
                                          learned.life.part, None)  # fmt: skip
        together = log_kept(fewer.place).ahead(0 * learned.life.cell, learned.life.lived,
                                               learned.life.part, None)  # fmt: skip
        assert found[block, -1] == pytest.approx((net * np.exp(together)).sum(), rel=1e-4)
        scale = np.abs(net @ np.exp(together) - net @ np.exp(logs)) / net.sum()
        alone = counted(learned.life.cell, net * np.exp(logs), 3)
        assert found[block, :-1] == pytest.approx(alone, rel=10 * scale + 1e-4)


def test_finer_curves_leave_the_total_of_their_place_alone():
    tree = Tree(np.array([0, 0, 1]), np.array([0, 1]))
    learned, net, _ = planted(np.random.default_rng(4), [100, 50, 70], tree=tree)
    forecast = forecast_of(learned, net)
    life, place = learned.life, tree.place[learned.life.cell]
    own = net * np.exp(log_kept(learned.rates.place).ahead(place, life.lived, life.part, None))
    assert counted(place, net * forecast.kept, 2) == pytest.approx(counted(place, own, 2))
    wanted = np.array([0.9, 0.8]) * counted(place, net, 2)
    told = forecast_of(learned, net, wanted=wanted)
    assert counted(place, net * told.kept, 2) == pytest.approx(wanted)


def test_half_of_every_order_is_worth_and_errs_half_as_much():
    learned, net, _ = planted(np.random.default_rng(8), [80, 80])
    forecast, n = forecast_of(learned, net), len(net)
    whole = Parts(np.arange(n), np.zeros(n, np.int64), np.ones(n), 1)
    halves = Parts(np.tile(np.arange(n), 2), np.repeat([0, 1], n), np.full(2 * n, 0.5), 2)
    assert forecast.expected(halves) == pytest.approx([forecast.expected(whole)[0] / 2] * 2)
    half = forecast.standard_errors(whole)[0] / 2
    assert forecast.standard_errors(halves) == pytest.approx([half] * 2)


def test_a_longer_horizon_expects_no_less_back():
    learned, net, _ = planted(np.random.default_rng(9), [80, 80])
    kept = [forecast_of(learned, net, horizon=days).kept for days in (0, 3, 10, 200)]
    assert (kept[0] == 1).all()
    assert all((after <= before + 1e-12).all() for before, after in pairwise(kept))
    assert kept[3] == pytest.approx(forecast_of(learned, net).kept)


def test_mean_curves_are_mixtures_of_their_cells():
    learned, _, _ = planted(np.random.default_rng(10), [60, 90, 30])
    weight, key = np.array([1.0, 3.0, 5.0]), np.array([1, 1, 0])
    kept, errors = mean_curves(learned, weight, key, 2)
    own = np.exp(log_kept(learned.rates.cell).before)
    assert kept[1] == pytest.approx((own[0] + 3 * own[1]) / 4)
    assert kept[0] == pytest.approx(own[2])
    assert (errors[:, 0] == 0).all()
    assert (errors[:, 5:] > 0).all()


def test_the_error_of_the_curves_is_part_of_the_whole_error():
    learned, net, _ = planted(np.random.default_rng(12), [200] * 2)
    forecast, parts = forecast_of(learned, net), by_group(learned)
    curves = standard_errors(forecast.replicates(parts))
    assert (curves > 0).all()
    assert (forecast.standard_errors(parts) > curves).all()
