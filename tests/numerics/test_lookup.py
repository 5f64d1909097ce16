"""Where sequences stand in a table, by packed integers and by grouping."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.lookup import places
from attribution.numerics.sequences import offsets_of

SEQUENCES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def ragged(found):
    codes = [code for each in found for code in each]
    return offsets_of(np.array([len(each) for each in found], int)), np.array(codes, np.int32)


# With many symbols the sequences do not fit one integer.
@pytest.mark.parametrize("symbols", [5, 1 << 30], ids=["packed", "grouped"])
@given(data=st.data())
def test_every_sequence_is_found_where_it_stands(symbols: int, data):
    table = data.draw(st.lists(SEQUENCES, min_size=1, max_size=20, unique=True))
    wanted = data.draw(st.lists(st.lists(st.sampled_from(table), max_size=9), max_size=3))
    found = places(ragged(table), [ragged(each) for each in wanted], symbols)
    assert [at.tolist() for at in found] == [[table.index(one) for one in each] for each in wanted]
