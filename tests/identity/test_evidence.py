import numpy as np
import pyarrow as pa
import pytest

from attribution.errors import DataError
from attribution.identity.resolve import resolve
from tests.identity.people import evidence, hashed, people


def test_hashes_that_are_not_spread_evenly_are_found_too():
    count = 500

    def near(name):
        return f"k1.{int(name.partition(':')[2]):032x}"

    links = [(f"mall:{i}", f"phone:{i + count}", "strong", 0) for i in range(count)]
    assert len(people(links, hashes=near)) == count


def test_a_link_to_an_unknown_identifier_is_refused():
    identifiers, links = evidence([("mall:m", "phone:x", "strong", 0)])
    found = resolve(identifiers.slice(0, 1), links)
    assert found.refused.to_pylist() == [
        {"a": hashed("mall:m"), "b": hashed("phone:x"), "kind": "strong", "reason": "unknown"}
    ]


@pytest.mark.parametrize("bad", ["13800138000", "k1.xyz", "k1." + "g" * 32, None])
def test_what_is_no_hash_is_refused_and_not_repeated(bad):
    identifiers, links = evidence([("mall:m", "phone:x", "strong", 0)])
    identifiers = identifiers.set_column(0, "id_hash", pa.array([bad, bad], pa.string()))
    with pytest.raises(DataError, match="no hash") as raised:
        resolve(identifiers, links)
    assert bad is None or bad not in str(raised.value)


def test_another_kind_of_link_is_refused():
    with pytest.raises(DataError, match="kind"):
        people([("mall:m", "phone:x", "certain", 0)])


def test_text_of_other_arrow_types_is_read():
    identifiers, links = evidence([("mall:m", "phone:x", "strong", 0)])
    wide = [pa.large_string() if pa.types.is_string(f.type) else f.type for f in links.schema]
    links = links.cast(pa.schema(list(zip(links.column_names, wide, strict=True))))
    coded = identifiers.set_column(1, "id_type", identifiers["id_type"].dictionary_encode())
    found = resolve(coded, links)
    assert found.identities.column("id_type").type == pa.string()
    assert np.unique(found.identities.column("person_id").to_numpy()).size == 1
