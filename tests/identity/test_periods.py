import pyarrow as pa

from attribution.identity.resolve import resolve
from tests.identity.people import (
    at,
    evidence,
    groups,
    hashed,
    in_time,
    names,
    people,
    seen,
    together,
)


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


def test_a_number_alone_after_a_year_unseen_is_its_old_owners_no_more():
    links = [("mall:m", "phone:x", "strong", 0)]
    assert people(links, [("phone:x", 365)]) == together("mall:m phone:x")
    found = resolve(*evidence(links, [("phone:x", 366)]))
    assert groups(found, names(links)) == together("mall:m phone:x", "phone:x/1")
    rows = [row for row in in_time(found) if row["id_type"] == "phone"]
    assert [(row["first_seen"], row["last_seen"], row["valid_to"]) for row in rows] == [
        (at(0), at(0), at(366)),
        (at(366), at(366), None),
    ]
    assert rows[1]["person_id"] == f"p{hashed('phone:x').partition('.')[2]}.{at(366)}"


def test_a_number_alone_a_year_before_its_owner_was_somebody_elses():
    links = [("mall:m", "phone:x", "strong", 366)]
    assert people(links, [("phone:x", 0)]) == together("phone:x", "mall:m phone:x/1")


def test_a_number_nobody_is_known_by_expires_too():
    assert people([], [("phone:x", 0), ("phone:x", 366)]) == together("phone:x", "phone:x/1")
    assert people([], [("mall:m", 0), ("mall:m", 366)]) == together("mall:m")


def test_an_owner_who_comes_back_had_the_number_all_the_time():
    links = seen("mall:m", "phone:x", "strong", (0, 800))
    assert people(links, [("phone:x", 1100)]) == together("mall:m phone:x")
    assert people(links, [("phone:x", 1300)]) == together("mall:m phone:x", "phone:x/1")


def test_a_number_seen_alone_meanwhile_is_not_unseen():
    links = [("mall:m", "phone:x", "strong", 0), ("phone:x", "addressee:r", "weak", 300)]
    late = [("phone:x", 600)]
    assert people(links, late) == together("mall:m phone:x", "addressee:r")
    assert people(links[:1], late) == together("mall:m phone:x", "phone:x/1")
    # It cannot have been sold again without lying idle: it is shared.
    union = [("wx_unionid:u", "phone:x", "strong", 0), ("wx_unionid:v", "phone:x", "strong", 200)]
    meanwhile = [*union, ("phone:x", "addressee:r", "weak", 100)]
    assert people(meanwhile) == together("wx_unionid:u", "wx_unionid:v", "phone:x", "addressee:r")
    assert people(union) == together("wx_unionid:u phone:x", "wx_unionid:v phone:x/1")


def test_several_rows_of_an_identifier_tell_when_it_was_seen():
    identifiers, links = evidence([("mall:m", "phone:x", "strong", 0)])
    place = identifiers["id_hash"].to_pylist().index(hashed("phone:x"))

    def again(*spans):
        rows = identifiers.slice(place, 1).to_pylist()[0]
        more = [rows | {"first_seen": at(a), "last_seen": at(b)} for a, b in spans]
        table = pa.concat_tables([identifiers, pa.Table.from_pylist(more, identifiers.schema)])
        return groups(resolve(table, links), ["mall:m", "phone:x"])

    assert again((0, 10), (600, 600)) == together("mall:m phone:x", "phone:x/1")
    assert again((0, 300), (600, 600)) == together("mall:m phone:x")
    assert again((600, 600), (350, 350)) == together("mall:m phone:x")


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
