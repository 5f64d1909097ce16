import pyarrow as pa

from attribution.identity.resolve import resolve
from tests.identity.people import at, evidence, groups, in_time, names, people, seen, together


def test_a_recycled_number_is_two_identifiers():
    links = [
        ("wx_unionid:u", "phone:x", "strong", 0),
        ("wx_unionid:v", "phone:x", "strong", 181),
        *seen("ks:k", "phone:x", days=(182, 190)),
    ]
    found = resolve(*evidence(links))
    assert groups(found, names(links)) == together(
        "wx_unionid:u phone:x", "wx_unionid:v phone:x/1 ks:k"
    )
    rows = [row for row in in_time(found) if row["id_type"] == "phone"]
    assert [(row["valid_from"], row["valid_to"]) for row in rows] == [
        (None, at(181)),
        (at(181), None),
    ]
    assert [(row["first_seen"], row["last_seen"]) for row in rows] == [
        (at(0), at(0)),
        (at(181), at(190)),
    ]


def test_within_half_a_year_it_is_shared_and_not_recycled():
    links = [
        ("wx_unionid:u", "phone:x", "strong", 0),
        ("wx_unionid:v", "phone:x", "strong", 180),
    ]
    assert people(links) == together("wx_unionid:u", "wx_unionid:v", "phone:x")


def test_somebody_seen_before_and_after_still_has_the_number():
    links = [
        *seen("douyin:a", "phone:x", days=(0, 400)),
        *seen("ks:k", "phone:x", days=(400, 402)),
    ]
    assert people(links) == together("douyin:a phone:x ks:k")


def test_a_strong_change_after_a_gap_splits_though_nothing_clashes():
    links = [("mall:m", "phone:x", "strong", 0), ("wx_unionid:v", "phone:x", "strong", 200)]
    assert people(links) == together("mall:m phone:x", "wx_unionid:v phone:x/1")


def test_medium_evidence_bridges_half_a_year_but_not_a_whole_one():
    def links(later):
        return [
            *seen("douyin:a", "phone:x", days=(0, 5)),
            *seen("ks:k", "phone:x", days=(later, later + 5)),
        ]

    assert people(links(5 + 365)) == together("douyin:a phone:x ks:k")
    assert people(links(5 + 366)) == together("douyin:a phone:x", "ks:k phone:x/1")


def test_a_number_of_three_owners():
    links = [
        ("wx_unionid:u", "phone:x", "strong", 0),
        ("wx_unionid:v", "phone:x", "strong", 200),
        ("wx_unionid:w", "phone:x", "strong", 400),
    ]
    assert people(links) == together(
        "wx_unionid:u phone:x", "wx_unionid:v phone:x/1", "wx_unionid:w phone:x/2"
    )


def test_links_without_time_are_dated_by_what_they_join():
    identifiers, links = evidence([("wx_unionid:u", "phone:x", "strong", 0)])
    links = links.set_column(3, "at", pa.nulls(1, pa.int64()))
    assert len(resolve(identifiers, links).persons) == 1
    nothing = pa.nulls(2, pa.int64())
    identifiers = identifiers.set_column(3, "first_seen", nothing)
    identifiers = identifiers.set_column(4, "last_seen", nothing)
    found = resolve(identifiers, links)
    assert found.persons.select(["first_seen", "last_seen", "identifiers"]).to_pylist() == [
        {"first_seen": None, "last_seen": None, "identifiers": 2}
    ]
