from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ConfigError, DataError
from attribution.journeys.paths import join, parse
from tests.strategies import HOSTILE_NAMES, examples


def read(paths, sep=" > "):
    """Return each path as a list of names."""
    found = parse(pd.DataFrame({"path": paths}), "path", sep)
    bounds = zip(found.offsets[:-1], found.offsets[1:], strict=True)
    return [[found.channels[code] for code in found.codes[a:b]] for a, b in bounds]


blank = st.text(" \t\u3000\u00a0", max_size=3)


@examples(150)
@given(data=st.data(), sep=st.sampled_from([">", " > ", "->", "|", ",", "→", " / ", "::"]))
def test_splits_as_python_would(data, sep):
    names = [n for n in HOSTILE_NAMES if sep.strip() not in n and not (set("->/,|") & set(n))]
    paths = data.draw(st.lists(st.lists(st.sampled_from(names), max_size=5), min_size=1))
    written = [
        sep.strip().join(data.draw(blank) + name + data.draw(blank) for name in path)
        for path in paths
    ]
    assert read(written, sep) == paths


@examples(80)
@given(data=st.data())
def test_join_is_the_way_back(data):
    names = [n for n in HOSTILE_NAMES if ">" not in n]
    paths = data.draw(st.lists(st.lists(st.sampled_from(names), max_size=5), min_size=1))
    found = parse(pd.DataFrame({"path": [" > ".join(p) for p in paths]}), "path", " > ")
    text = join(found.channels, found.offsets, found.codes, " > ").to_pylist()
    assert text == [" > ".join(path) for path in paths]


def test_channels_are_sorted_by_code_point():
    found = parse(pd.DataFrame({"path": ["视频 > b > B > é > a"]}), "path", ">")
    assert found.channels == tuple(sorted(["视频", "b", "B", "é", "a"]))


def test_names_are_not_normalised():
    # Two ways to write é, equal to the eye only.
    assert read(["e\u0301 > \u00e9"]) == [["e\u0301", "\u00e9"]]


class TestWrongSeparator:
    @pytest.mark.parametrize("other", ["->", "=>", "→", "|", "»", ";", ",", "＞", "、"])
    def test_names_the_one_that_is_there(self, other):
        with pytest.raises(DataError) as caught:
            read([f"a {other} b", "c", f"b {other} c {other} a"])
        assert (caught.value.row, caught.value.column) == (1, "path")
        assert f'sep="{other}"' in str(caught.value)

    def test_that_is_half_of_the_right_one(self):
        for right in ("->", "=>"):
            with pytest.raises(DataError, match=f'sep="{right}"'):
                read([f"a {right} b", "c"], sep=">")

    def test_is_not_suspected_where_the_given_one_works(self):
        assert read(["google / cpc > tv, radio", "email"]) == [
            ["google / cpc", "tv, radio"],
            ["email"],
        ]

    def test_is_not_suspected_in_names_now_and_then(self):
        assert read(["a, b", "c", "d", "e"]) == [["a, b"], ["c"], ["d"], ["e"]]

    def test_empty(self):
        with pytest.raises(ConfigError, match="sep is empty"):
            read(["a"], sep="")

    def test_blank_alone_is_a_separator(self):
        assert read(["a b", "b"], sep=" ") == [["a", "b"], ["b"]]
