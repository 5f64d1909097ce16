from __future__ import annotations

import pickle

import numpy as np
import pytest

from attribution.credit import Credit
from attribution.names import ORGANIC, UNATTRIBUTED

MEASURES = ("conversions", "value")


def credit(amounts=((3, 30), (1, 5), (0, 0)), unattributed=(0, 0), **more) -> Credit:
    return Credit(
        ("a", "b", "c"), MEASURES, np.array(amounts, float), np.array(unattributed, float), **more
    )


class TestFrame:
    def test_has_a_row_for_every_channel_zeros_too(self):
        frame = credit().frame()
        assert list(frame.columns) == ["channel", "conversions", "value", "share"]
        assert frame["channel"].tolist() == ["a", "b", "c"]
        assert frame["share"].tolist() == [0.75, 0.25, 0]

    def test_organic_and_unattributed_come_last_when_not_zero(self):
        frame = credit(unattributed=(4, 40), organic=np.array([2.0, 10.0])).frame()
        assert frame["channel"].tolist() == ["a", "b", "c", ORGANIC, UNATTRIBUTED]
        assert frame["conversions"].tolist() == [3, 1, 0, 2, 4]
        assert frame["share"].tolist() == [0.3, 0.1, 0, 0.2, 0.4]
        assert frame["share"].sum() == pytest.approx(1)

    def test_a_row_with_money_only_is_a_row(self):
        frame = credit(unattributed=(0, 7)).frame()
        assert frame["channel"].tolist() == ["a", "b", "c", UNATTRIBUTED]

    def test_no_conversions_have_no_share(self):
        frame = credit(amounts=np.zeros((3, 2))).frame()
        assert frame["share"].tolist() == [0, 0, 0]

    def test_errors_of_a_sample(self):
        frame = credit(unattributed=(1, 1), errors=np.full((3, 2), 0.5)).frame()
        assert frame["conversions_se"].tolist() == [0.5, 0.5, 0.5, 0]
        assert frame["value_se"].tolist() == [0.5, 0.5, 0.5, 0]

    def test_further_money_columns(self):
        one = Credit(("a",), (*MEASURES, "net"), np.array([[1.0, 2.0, 3.0]]), np.zeros(3))
        assert list(one.frame().columns) == ["channel", "conversions", "value", "share", "net"]

    def test_every_call_gives_a_frame_of_its_own(self):
        one = credit()
        frame = one.frame()
        frame.loc[:, "conversions"] = 0.0
        assert one.frame()["conversions"].tolist() == [3, 1, 0]


def test_removal_effects_are_none_for_models_without():
    assert credit().removal_effects is None
    effects = credit(removals=np.full((3, 2), 0.5)).removal_effects
    assert effects.index.tolist() == ["a", "b", "c"]
    assert list(effects.columns) == list(MEASURES)


def test_cautions_name_the_channels():
    assert credit().cautions == []
    assert credit(caution=np.array([False, True, True])).cautions == ["b", "c"]


def test_arrays_do_not_change():
    given = np.ones((3, 2))
    one = credit(amounts=given, removals=given)
    for name in ("amounts", "removals", "unattributed"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(one, name)[...] = 0
    with pytest.raises(AttributeError):
        one.amounts = given


def test_html_escapes():
    one = Credit(("<script>alert(1)</script>",), MEASURES, np.ones((1, 2)), np.zeros(2))
    assert "<script" not in one._repr_html_()
    assert "&lt;script&gt;" in one._repr_html_()


def test_repr_is_the_table():
    assert "0.75" in repr(credit())


def spread(seed: int = 1) -> np.ndarray:
    """Return replicates of three channels, organic and unattributed."""
    return np.random.default_rng(seed).normal(5, 1, (64, 5, 2))


class TestIntervals:
    T63 = 1.9983405425  # the 0.975 quantile of t with 63 degrees of freedom

    def error(self, replicates):
        mean = sum(replicates) / 64
        return (63 / 64 * sum((one - mean) ** 2 for one in replicates)) ** 0.5

    def test_ends_stand_behind_the_figures(self):
        one = credit(unattributed=(2, 3), replicates=spread(), interval=0.95)
        frame = one.frame().set_index("channel")
        assert list(frame.columns) == [
            "conversions",
            "value",
            "share",
            "low",
            "high",
            "value_low",
            "value_high",
            "share_low",
            "share_high",
        ]
        for row, name in ((1, "b"), (4, UNATTRIBUTED)):
            for place, (figure, low, high) in enumerate(
                (("conversions", "low", "high"), ("value", "value_low", "value_high"))
            ):
                half = self.T63 * self.error(spread()[:, row, place])
                assert frame.loc[name, low] == pytest.approx(frame.loc[name, figure] - half)
                assert frame.loc[name, high] == pytest.approx(frame.loc[name, figure] + half)
        shares = spread()[:, 1, 0] / spread()[:, :, 0].sum(axis=1)
        half = self.T63 * self.error(shares)
        assert frame.loc["b", "share_high"] == pytest.approx(frame.loc["b", "share"] + half)

    def test_the_error_of_a_sample_widens_them(self):
        errors = np.full((3, 2), 2.0)
        one = credit(replicates=spread(), interval=0.95, errors=errors).frame()
        error = (self.error(spread()[:, 0, 1]) ** 2 + 4) ** 0.5
        assert one["value_high"][0] == pytest.approx(30 + self.T63 * error)
        assert list(one.columns)[-2:] == ["conversions_se", "value_se"]

    def test_further_money_has_ends_by_its_name(self):
        one = Credit(
            ("a",),
            (*MEASURES, "net"),
            np.array([[1.0, 2.0, 3.0]]),
            np.zeros(3),
            replicates=np.ones((64, 3, 3)),
            interval=0.9,
        )
        assert one.frame()[["net_low", "net_high"]].to_numpy().tolist() == [[3.0, 3.0]]

    def test_a_margin_is_of_the_sum(self):
        one = credit(unattributed=(2, 3), replicates=spread(), interval=0.95)
        together = spread()[:, 0, 1] + spread()[:, 4, 1]
        assert one.margin(["a", UNATTRIBUTED], "value") == pytest.approx(
            self.T63 * self.error(together)
        )
        assert credit().margin(["a"], "value") is None
        drawn = credit(replicates=spread(), interval=0.95, errors=np.full((3, 2), 2.0))
        error = (self.error(spread()[:, 0, 0] + spread()[:, 2, 0]) ** 2 + 4 + 4) ** 0.5
        assert drawn.margin(["a", "c"], "conversions") == pytest.approx(self.T63 * error)

    def test_they_survive_pickling_and_stay_read_only(self):
        one = credit(replicates=spread(), interval=0.95)
        copy = pickle.loads(pickle.dumps(one))
        assert copy.interval == 0.95
        np.testing.assert_array_equal(copy.replicates, spread())
        for each in (one, copy):
            with pytest.raises(ValueError, match="read-only"):
                each.replicates[0] = 0
