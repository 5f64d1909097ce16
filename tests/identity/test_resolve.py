import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.identity.resolve import Rules, resolve
from tests.identity import naive
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
from tests.identity.planted import judged, plant, quality
from tests.identity.planted import naive as phone_join
from tests.strategies import examples


def by_name(found, known, column="status"):
    of = {hashed(name): name for name in known}
    return {of[row["id_hash"]]: row[column] for row in found.identities.to_pylist()}


# ---------------------------------------------------------------------- what merges


def test_one_strong_evidence_merges():
    assert people([("mall:m", "phone:x", "strong", 0)]) == together("mall:m phone:x")


def test_one_medium_evidence_does_not_merge_and_two_on_different_days_do():
    once = [("douyin:a", "phone:x", "medium", 0)]
    assert people(once) == together("douyin:a", "phone:x")
    assert people([*once, ("douyin:a", "phone:x", "medium", 0.9)]) == together(
        "douyin:a", "phone:x"
    )
    assert people([*once, ("phone:x", "douyin:a", "medium", 1)]) == together("douyin:a phone:x")


def test_two_medium_evidences_by_different_phones_of_one_person_merge():
    links = [
        ("mall:m", "phone:x", "strong", 0),
        ("mall:m", "phone:y", "strong", 0),
        ("ks:k", "phone:x", "medium", 5),
        ("ks:k", "phone:y", "medium", 9),
    ]
    assert people(links) == together("mall:m phone:x phone:y ks:k")


def test_weak_evidence_never_merges():
    links = [("mall:m", "addressee:r", "weak", day) for day in range(50)]
    links += [("tb:t", "mall:m", "weak", day) for day in range(50)]
    assert people(links) == together("mall:m", "addressee:r", "tb:t")


# ---------------------------------------------------------------------- devices


def test_a_browser_only_one_member_logged_in_on_is_his():
    links = [
        ("mall:m", "phone:x", "strong", 0),
        ("mall:m", "browser:c", "weak", 0),
        ("phone:x", "browser:c", "weak", 5),
    ]
    assert people(links) == together("mall:m phone:x browser:c")


@pytest.mark.parametrize("kind", ["strong", "medium", "weak"])
@pytest.mark.parametrize("other", ["phone:y", "mall:n", "wx:o"])
def test_a_browser_of_several_joins_nobody_whatever_its_links_say(kind, other):
    links = [
        ("mall:m", "phone:x", "strong", 0),
        *seen("mall:m", "browser:c", kind),
        *seen(other, "browser:c", kind),
    ]
    found = resolve(*evidence(links))
    assert groups(found, names(links)) == together("mall:m phone:x", "browser:c", other)
    # Two accounts of one kind cannot be one person; the others may be.
    clash = other == "mall:n"
    assert by_name(found, names(links))["browser:c"] == ("shared" if clash else "ok")
    # Two with accounts may be one; a phone alone is nobody to look at.
    assert found.review.column("reason").to_pylist() == ["weak"] * (other != "phone:y")


def test_a_browser_shared_is_nobodys_even_if_one_logged_in_far_more_often():
    links = [*seen("mall:m", "browser:c", "weak", range(40)), ("mall:n", "browser:c", "weak", 3)]
    assert people(links) == together("mall:m", "mall:n", "browser:c")


def test_a_device_is_nobodys_by_another_device_or_by_a_phone_that_is_nobodys():
    apart = [("browser:c", "device:d", "weak", 0), ("mall:m", "browser:c", "weak", 0)]
    assert people(apart) == together("mall:m browser:c", "device:d")
    links = [
        ("mall:m", "phone:x", "strong", 0),
        ("mall:n", "phone:x", "strong", 0),
        ("phone:x", "browser:c", "weak", 0),
    ]
    assert people(links) == together("mall:m", "mall:n", "phone:x", "browser:c")


def test_a_device_seen_with_both_accounts_of_one_person_joins_nothing_more():
    links = [
        *seen("douyin:a", "phone:x"),
        *seen("ks:k", "phone:x"),
        ("douyin:a", "device:d", "weak", 1),
        ("ks:k", "device:d", "weak", 1),
    ]
    assert people(links) == together("douyin:a ks:k phone:x device:d")
    # Without the phone there is no reason to think them one.
    assert people(links[4:]) == together("douyin:a", "ks:k", "device:d")


def test_a_device_is_of_who_had_the_phone_then():
    links = [
        ("wx_unionid:u", "phone:x", "strong", 0),
        ("phone:x", "browser:c", "weak", 1),
        ("wx_unionid:v", "phone:x", "strong", 400),
        ("phone:x", "device:d", "weak", 401),
    ]
    assert people(links) == together(
        "wx_unionid:u phone:x browser:c", "wx_unionid:v phone:x/1 device:d"
    )


def test_a_split_takes_a_device_from_who_it_would_be_given_to():
    links = [
        ("mall:m", "phone:x", "strong", 0),
        ("mall:m", "browser:c", "weak", 0),
        ("phone:x", "browser:c", "weak", 0),
    ]
    rules = Rules(split=((hashed("mall:m"), hashed("browser:c")),))
    assert people(links, rules=rules) == together("mall:m phone:x", "browser:c")


def test_people_meet_over_a_phone_across_platforms():
    links = seen("douyin:a", "phone:x") + seen("ks:k", "phone:x") + seen("tb:t", "phone:x")
    assert people(links) == together("douyin:a ks:k tb:t phone:x")


# ---------------------------------------------------------------------- what never does


def test_two_unionids_of_one_developer_never_merge():
    links = [
        ("wx_unionid@dev:u", "phone:x", "strong", 0),
        ("wx_unionid@dev:v", "phone:x", "strong", 1),
    ]
    assert people(links) == together("wx_unionid@dev:u", "wx_unionid@dev:v", "phone:x")
    other = [links[0], ("wx_unionid@other:v", "phone:x", "strong", 1)]
    assert people(other) == together("wx_unionid@dev:u wx_unionid@other:v phone:x")


def test_a_shared_phone_joins_nobody_not_even_a_third():
    links = seen("douyin:a", "phone:x") + seen("douyin:b", "phone:x") + seen("ks:k", "phone:x")
    found = resolve(*evidence(links))
    assert len(found.persons) == 4
    assert by_name(found, names(links))["phone:x"] == "shared"
    assert set(found.refused.column("reason").to_pylist()) == {"shared"}


def test_strong_evidence_keeps_a_phone_that_others_order_to():
    links = [
        ("mall:m", "phone:x", "strong", 0),
        *seen("douyin:a", "phone:x"),
        *seen("douyin:b", "phone:x"),
    ]
    assert people(links) == together("mall:m phone:x", "douyin:a", "douyin:b")


def test_accounts_known_through_others_count_too():
    links = [
        ("wx@app1:o", "wx_unionid:u", "strong", 0),
        ("wx@app2:p", "wx_unionid:v", "strong", 0),
        *seen("wx@app1:o", "phone:x"),
        *seen("wx@app2:p", "phone:x"),
    ]
    assert people(links) == together("wx@app1:o wx_unionid:u", "wx@app2:p wx_unionid:v", "phone:x")


@pytest.mark.parametrize("weak", ["phone:x", "phone:y"])
def test_a_chain_over_two_phones_gives_way_at_its_weakest(weak):
    links = (
        seen("douyin:a", "phone:x", days=(0, 90))
        + seen("ks:k", "phone:x", days=(0, 20 if weak == "phone:x" else 60))
        + seen("ks:k", "phone:y", days=(0, 20 if weak == "phone:y" else 60))
        + seen("douyin:b", "phone:y", days=(0, 70))
    )
    found = resolve(*evidence(links))
    assert groups(found, names(links)) == (
        together("douyin:a phone:x ks:k", "douyin:b phone:y")
        if weak == "phone:y"
        else together("douyin:a phone:x", "douyin:b phone:y ks:k")
    )
    refused = found.refused.to_pylist()
    assert [row["reason"] for row in refused] == ["conflict"]
    assert {refused[0]["a"], refused[0]["b"]} == {hashed("ks:k"), hashed(weak)}
    assert found.review.column("reason").to_pylist() == ["conflict"]


def test_an_openid_claimed_by_two_unionids_stays_with_the_one_seen_longer():
    links = [
        *seen("wx:o", "wx_unionid:u", "strong", (0, 200)),
        *seen("wx:o", "wx_unionid:v", "strong", (100,)),
    ]
    assert people(links) == together("wx:o wx_unionid:u", "wx_unionid:v")


# ---------------------------------------------------------------------- hubs


@pytest.mark.parametrize(("shared", "most"), [("phone:x", 3), ("device:d", 4), ("addressee:r", 6)])
def test_an_identifier_seen_with_too_many_accounts_is_a_hub(shared, most):
    for count in (most, most + 1):
        links = [row for i in range(count) for row in seen(f"douyin:{i}", shared, days=(i, i + 30))]
        found = resolve(*evidence(links))
        status = by_name(found, names(links))
        assert status[shared] == ("hub" if count > most else "shared")
        assert len(found.persons) == count + 1
        hub = [row for row in found.persons.to_pylist() if row["status"] == "hub"]
        assert [row["reason"] for row in hub] == (["hub"] if count > most else [])


def test_the_caps_count_one_platform():
    links = [
        ("mall:m", "phone:x", "strong", 0),
        *(row for i in range(6) for row in seen(f"p{i}:a", "phone:x")),
    ]
    assert len(people(links)) == 1


def test_a_group_leaders_phone_joins_nobody_and_floods_no_review():
    links = [(f"douyin:{i}", "phone:x", "medium", i % 30) for i in range(300)]
    found = resolve(*evidence(links))
    assert len(found.persons) == 301
    assert found.review.num_rows == 0
    assert by_name(found, names(links))["phone:x"] == "hub"


def test_a_person_of_very_many_identifiers_is_marked():
    links = [(f"p{i}:a", "phone:x", "strong", i) for i in range(12)]
    found = resolve(*evidence(links))
    assert found.persons.select(["status", "reason", "identifiers"]).to_pylist() == [
        {"status": "review", "reason": "large", "identifiers": 13}
    ]
    assert resolve(*evidence(links[1:])).persons.column("status").to_pylist() == ["ok"]


# ---------------------------------------------------------------------- ids, keys, splits


def test_the_oldest_identifier_names_the_person_and_a_merge_keeps_the_elders_id():
    early = [("douyin:a", "phone:x", "strong", 0)]
    late = [("ks:k", "phone:y", "strong", 5)]
    apart = resolve(*evidence(early + late))
    joined = resolve(*evidence([*early, *late, ("douyin:a", "phone:y", "strong", 9)]))
    first = {row["id_hash"]: row["person_id"] for row in apart.identities.to_pylist()}
    assert set(joined.persons.column("person_id").to_pylist()) == {first[hashed("douyin:a")]}
    oldest = min(hashed("douyin:a"), hashed("phone:x")).partition(".")[2]
    assert first[hashed("phone:x")] == f"p{oldest}"


def test_a_person_of_a_later_period_alone_has_an_id_of_his_own():
    links = [
        ("wx_unionid:u", "phone:x", "strong", 0),
        *seen("wx_unionid:v", "phone:x", days=(400,)),
    ]
    found = resolve(*evidence(links))
    rows = {
        (row["id_hash"], row["valid_from"]): row["person_id"]
        for row in found.identities.to_pylist()
    }
    digits = hashed("phone:x").partition(".")[2]
    assert rows[hashed("phone:x"), at(400)] == f"p{digits}.{at(400)}"
    assert len(set(rows.values())) == len(found.persons) == 3


def test_rotation_makes_hashes_of_two_keys_one():
    identifiers, links = evidence([("mall:m", "phone:x", "strong", 0)])
    old = hashed("phone:x", "k0")
    row = identifiers.filter(pa.array([False, True])).set_column(
        0, "id_hash", pa.array([old], pa.string())
    )
    rotation = pa.table(
        {"a": [old], "b": [hashed("phone:x")], "kind": ["rotation"], "at": [at(0)]},
        schema=links.schema,
    )
    again = pa.table(
        {"a": [old], "b": [hashed("mall:m")], "kind": ["strong"], "at": [at(9)]},
        schema=links.schema,
    )
    found = resolve(
        pa.concat_tables([identifiers, row]), pa.concat_tables([links, rotation, again])
    )
    assert found.persons.column("identifiers").to_pylist() == [3]


def test_a_split_undoes_a_merge_and_taking_it_back_redoes_it():
    links = [
        ("mall:m", "phone:x", "strong", 0),
        ("mall:m", "wx_unionid:u", "strong", 0),
        *seen("ks:k", "phone:x"),
    ]
    pair = (hashed("mall:m"), hashed("phone:x"))
    for split in (pair, pair[::-1]):
        found = resolve(*evidence(links), Rules(split=(split,)))
        assert groups(found, names(links)) == together("mall:m wx_unionid:u", "phone:x ks:k")
        assert found.refused.column("reason").to_pylist() == ["split"]
    assert len(people(links)) == 1
    # Another way round does not bring them together either.
    round_about = [*links, ("ks:k", "mall:m", "strong", 7)]
    persons = people(round_about, rules=Rules(split=(pair,)))
    assert not any({"mall:m", "phone:x"} <= person for person in persons)


# ---------------------------------------------------------------------- review


def test_too_little_evidence_is_listed_for_review():
    links = [
        ("douyin:a", "phone:x", "medium", 0),
        ("ks:k", "phone:x", "medium", 0),
        ("mall:m", "device:d", "weak", 0),
        ("tb:t", "device:d", "weak", 0),
        ("jd:j", "phone:z", "medium", 0),
    ]
    found = resolve(*evidence(links))
    of = {person: name for name, person in by_name(found, names(links), "person_id").items()}
    assert {
        (frozenset({of[row["person_id_a"]], of[row["person_id_b"]]}), row["reason"])
        for row in found.review.to_pylist()
    } == {
        (frozenset({"douyin:a", "ks:k"}), "single"),
        (frozenset({"mall:m", "tb:t"}), "weak"),
    }


# ---------------------------------------------------------------------- properties

NAMES = [
    *(f"{kind}:{x}" for kind in ("douyin", "ks", "wx@app1") for x in "ab"),
    "wx@app2:a",
    "phone:x",
    "phone:y",
    "device:d",
]
DAYS = (0, 0.5, 1, 2, 30, 180, 181, 200, 300, 366, 500, 560, 700)
link = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from(["strong", "medium", "medium", "weak"]),
    st.sampled_from(DAYS),
)
some_links = st.lists(link, max_size=25)
# Mostly what is real: accounts seen with phones.
with_phones = st.lists(
    st.tuples(
        st.sampled_from(NAMES[:7]),
        st.sampled_from(NAMES[7:]),
        st.sampled_from(["strong", "medium", "medium"]),
        st.sampled_from(DAYS),
    ),
    max_size=20,
)
SEEN = [(name, 0) for name in NAMES]
DEVICES = {"device:", "browser"}
seen_alone = st.lists(st.tuples(st.sampled_from(NAMES[7:]), st.sampled_from(DAYS)), max_size=6)


@examples(200)
@given(st.one_of(some_links, with_phones), seen_alone)
def test_it_is_what_the_naive_twin_finds(links, alone):
    known = names(links, alone)
    assert people(links, alone) == naive.resolved(links, known, (), alone)


@given(with_phones, st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_split_is_what_the_naive_twin_finds(links, a, b):
    split = [(a, b)] if a != b else []
    rules = Rules(split=tuple((hashed(x), hashed(y)) for x, y in split))
    assert people(links, SEEN, rules) == naive.resolved(links, names(links, SEEN), split, SEEN)


@given(
    with_phones,
    st.lists(
        st.tuples(
            st.sampled_from(NAMES[:7]),
            st.sampled_from(["device:d", "device:e", "browser:c"]),
            st.sampled_from(["strong", "medium", "weak"]),
            st.sampled_from(DAYS),
        ),
        max_size=8,
    ),
)
def test_devices_bring_no_two_together(links, logins):
    links = [row for row in links if row[1] != "device:d"]

    def without_devices(links):
        persons = people(links, SEEN)
        bare = {frozenset(x for x in each if x[:7] not in DEVICES) for each in persons}
        return bare - {frozenset()}

    assert without_devices(links + logins) == without_devices(links)


def same(one, other):
    def sorted_rows(people):
        by = [("id_hash", "ascending"), ("valid_from", "ascending")]
        return people.identities.sort_by(by)

    return sorted_rows(one).equals(sorted_rows(other)) and all(
        getattr(one, name).equals(getattr(other, name)) for name in ("persons", "refused", "review")
    )


@given(st.one_of(some_links, with_phones), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(links, chance):
    identifiers, table = evidence(links, SEEN)
    first = resolve(identifiers, table)
    turned = [
        (b, a, kind, day) if chance.random() < 0.5 else (a, b, kind, day)
        for a, b, kind, day in links
    ]
    again = turned + chance.sample(turned, len(turned) // 2)
    chance.shuffle(again)
    _, other = evidence(again, SEEN)
    rows = list(range(identifiers.num_rows)) * 2
    chance.shuffle(rows)
    assert same(first, resolve(identifiers.take(rows), other))
    batches = pa.RecordBatchReader.from_batches(other.schema, other.to_batches(max_chunksize=3))
    assert same(first, resolve(identifiers.take(rows), batches))


@given(with_phones, st.integers(0, 1000))
def test_other_hashes_give_the_same_people_unless_a_tie_is_broken(links, salt):
    # Times all different: then the order of hashes decides nothing.
    links = [(a, b, kind, day + i / 1000) for i, (a, b, kind, day) in enumerate(links)]
    assert people(links, SEEN) == people(links, SEEN, hashes=lambda name: hashed(f"{salt} {name}"))


@given(some_links)
def test_no_person_has_two_accounts_of_a_kind_and_every_identifier_is_somebodys(links):
    found = resolve(*evidence(links, SEEN))
    held = set()
    for row in found.identities.to_pylist():
        if row["id_type"] not in {"phone", "oaid"}:
            key = (row["person_id"], row["id_type"], row["namespace"])
            assert key not in held
            held.add(key)
    assert set(found.identities["id_hash"].to_pylist()) == {hashed(name) for name in NAMES}
    assert sorted(set(found.identities["person_id"].to_pylist())) == sorted(
        found.persons["person_id"].to_pylist()
    )
    spans = {}
    for row in in_time(found):
        spans.setdefault(row["id_hash"], []).append((row["valid_from"], row["valid_to"]))
    for periods in spans.values():
        # Together they are all of time, and no moment belongs to two.
        assert periods[0][0] is None
        assert periods[-1][1] is None
        assert [end for _, end in periods[:-1]] == [start for start, _ in periods[1:]]
        assert all(start < end for start, end in periods[1:-1])


# ---------------------------------------------------------------------- truth, doors


def test_planted_truth():
    planted = plant(20_000, 7)
    found = quality(
        planted, judged(planted, resolve(planted.identifiers, planted.links).identities)
    )
    plain = quality(planted, phone_join(planted))
    assert found.precision >= 0.995
    assert found.recall >= 0.95
    assert plain.precision < 0.6


def test_no_evidence():
    identifiers, links = evidence([])
    found = resolve(identifiers, links)
    assert found.identities.num_rows == found.persons.num_rows == found.refused.num_rows == 0
    assert found.identities.schema.field("person_id").type == pa.string()


def test_many_random_worlds_agree_with_the_twin():
    chance = random.Random(5)
    for _ in range(60):
        links = [
            (
                chance.choice(NAMES[:7]),
                chance.choice(NAMES[7:]),
                chance.choice(["strong", "medium", "medium", "medium"]),
                chance.choice(DAYS),
            )
            for _ in range(chance.randrange(40))
        ]
        assert people(links, SEEN) == naive.resolved(links, names(links, SEEN), (), SEEN)
