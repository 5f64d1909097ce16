import pytest

from attribution.errors import DataError
from attribution.identity.explain import Candidate, Evidence, explain
from attribution.identity.resolve import resolve
from tests.identity.people import at, evidence, hashed

LINKS = [
    ("douyin:a", "phone:x", "medium", 0),
    ("douyin:a", "phone:x", "medium", 2),
    ("ks:k", "phone:x", "medium", 1),
    ("ks:k", "phone:x", "medium", 5),
    ("ks:k", "douyin:a", "medium", 3),
    ("ks:k", "addressee:r", "weak", 3),
    ("tb:t", "phone:x", "medium", 3),
    ("douyin:n", "phone:x", "strong", 400),
]


def asked(links, name, **when):
    identifiers, table = evidence(links)
    people = resolve(identifiers, table)
    return people, explain(people, table, name, **when)


def pair(a, b):
    return tuple(sorted((hashed(a), hashed(b))))


def person(people, name):
    rows = people.identities.to_pylist()
    return next(row["person_id"] for row in rows if row["id_hash"] == hashed(name))


def test_it_tells_what_joins_each_identifier_to_the_oldest():
    # phone:x and douyin:a are equally old; the smaller hash comes first.
    people, told = asked(LINKS, hashed("ks:k"))
    assert told.status == "ok"
    assert told.reason is None
    first, second = sorted(("douyin:a", "phone:x"), key=lambda name: hashed(name).partition(".")[2])
    assert [each.id_hash for each in told.members] == [
        hashed(first),
        hashed(second),
        hashed("ks:k"),
    ]
    assert told.person_id == person(people, "ks:k") == f"p{hashed(first).partition('.')[2]}"
    chains = {each.id_hash: each.chain for each in told.members}
    between = Evidence(*pair("douyin:a", "phone:x"), "medium", 2, at(0), at(2))
    assert chains[hashed(first)] == ()
    assert chains[hashed(second)] == (between,)
    # Not by the single evidence of day 3, though that way is shorter.
    over_phone = Evidence(*pair("ks:k", "phone:x"), "medium", 2, at(1), at(5))
    assert chains[hashed("ks:k")] == (
        (over_phone,) if first == "phone:x" else (between, over_phone)
    )


def test_it_tells_what_joins_nobody_and_who_may_be_the_same():
    people, told = asked(LINKS, hashed("ks:k"))
    assert {
        (each.evidence.a, each.evidence.b, each.person_id, each.reason) for each in told.refused
    } == {
        (*pair("tb:t", "phone:x"), person(people, "tb:t"), "single"),
        (*pair("ks:k", "addressee:r"), person(people, "addressee:r"), "weak"),
    }
    assert told.candidates == (Candidate(person(people, "tb:t"), "single"),)
    _, other = asked(LINKS, hashed("tb:t"))
    assert other.candidates == (Candidate(told.person_id, "single"),)


def test_a_device_is_told_with_the_login_that_made_it_his():
    links = [*LINKS[:4], ("ks:k", "device:d", "strong", 4), ("phone:x", "device:d", "weak", 9)]
    _, told = asked(links, hashed("device:d"))
    chain = next(each.chain for each in told.members if each.id_hash == hashed("device:d"))
    assert chain[-1].kind == "weak"
    assert all(each.kind != "weak" for each in chain[:-1])
    assert all(
        step.kind != "weak"
        for each in told.members
        for step in each.chain
        if each.id_hash != hashed("device:d")
    )


def test_a_recycled_phone_is_looked_up_by_time():
    people, now = asked(LINKS, hashed("phone:x"))
    assert {each.id_hash for each in now.members} == {hashed("douyin:n"), hashed("phone:x")}
    assert now.refused == ()
    _, then = asked(LINKS, hashed("phone:x"), at=at(399))
    assert then.person_id == person(people, "ks:k")
    phone = next(each for each in then.members if each.id_hash == hashed("phone:x"))
    assert (phone.valid_from, phone.valid_to) == (None, at(400))


def test_the_id_of_one_who_became_part_of_another_still_leads_to_him():
    before, _ = asked([*LINKS[:2], ("ks:k", "phone:y", "strong", 9)], hashed("ks:k"))
    old = person(before, "ks:k")
    after, told = asked(
        [*LINKS[:2], ("ks:k", "phone:y", "strong", 9), ("ks:k", "douyin:a", "strong", 9)], old
    )
    assert told.person_id == person(after, "douyin:a") != old


def test_hubs_and_shared_phones_say_so():
    links = [(f"douyin:{i}", "phone:x", "medium", day) for i in range(5) for day in (0, 9)]
    _, told = asked(links, hashed("phone:x"))
    assert (told.status, told.reason) == ("hub", "hub")
    assert [each.reason for each in told.refused] == ["hub"] * 5
    _, told = asked(links[:4], hashed("phone:x"))
    assert (told.status, told.reason) == ("shared", "shared")
    assert {each.evidence.times for each in told.refused} == {2}


def test_nobody():
    with pytest.raises(DataError, match="nobody"):
        asked(LINKS, "p" + "0" * 32)
    with pytest.raises(DataError, match="nobody"):
        asked(LINKS, hashed("ks:other"))
