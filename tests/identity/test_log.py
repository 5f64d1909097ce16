from hypothesis import given

from attribution.identity.log import merge_log
from attribution.identity.resolve import resolve
from tests.identity.people import at, evidence, hashed
from tests.identity.test_explain import LINKS, pair, person
from tests.identity.test_resolve import SEEN, with_phones


def test_it_lists_what_holds_persons_together():
    identifiers, links = evidence([*LINKS, LINKS[0]])
    people = resolve(identifiers, links)
    rows = [tuple(row.values()) for row in merge_log(people.identities, links).to_pylist()]
    mine, new = person(people, "ks:k"), person(people, "douyin:n")
    assert set(rows) == {
        (mine, *pair("douyin:a", "phone:x"), "medium", 2, at(0), at(2)),
        (mine, *pair("ks:k", "phone:x"), "medium", 2, at(1), at(5)),
        (mine, *pair("ks:k", "douyin:a"), "medium", 1, at(3), at(3)),
        (new, *pair("douyin:n", "phone:x"), "strong", 1, at(400), at(400)),
    }
    assert len(rows) == 4


def test_it_lists_the_logins_that_make_a_device_his():
    identifiers, links = evidence(
        [
            ("mall:m", "phone:x", "strong", 0),
            ("mall:m", "browser:c", "strong", 1),
            ("mall:m", "addressee:r", "weak", 1),
            ("browser:c", "device:d", "weak", 2),
            ("mall:m", "device:d", "weak", 2),
        ]
    )
    people = resolve(identifiers, links)
    found = merge_log(people.identities, links).select(["a", "b", "kind"]).to_pylist()
    assert {tuple(row.values()) for row in found} == {
        (*pair("mall:m", "phone:x"), "strong"),
        (*pair("mall:m", "browser:c"), "weak"),
        (*pair("mall:m", "device:d"), "weak"),
    }


@given(with_phones)
def test_what_it_lists_connects_every_person(links):
    identifiers, table = evidence(links, SEEN)
    people = resolve(identifiers, table)
    beside = {}
    for row in merge_log(people.identities, table).to_pylist():
        for a, b in ((row["a"], row["b"]), (row["b"], row["a"])):
            beside.setdefault((row["person_id"], a), set()).add(b)
    members = {}
    for row in people.identities.to_pylist():
        members.setdefault(row["person_id"], set()).add(row["id_hash"])
    for person_id, hashes in members.items():
        reached, ahead = set(), [min(hashes)]
        while ahead:
            here = ahead.pop()
            if here not in reached:
                reached.add(here)
                ahead += beside.get((person_id, here), ())
        assert reached == hashes
    assert hashed("phone:x") in {each for hashes in members.values() for each in hashes}
