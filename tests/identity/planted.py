"""A planted population: who has which phones and accounts, and the evidence they leave.

Its people share family phones, give up numbers that others get, order for groups, use two numbers
and two accounts, lend a tablet, and now and then order to somebody else's number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from attribution.numerics.components import components

DAY = 86_400_000
START = 1_640_995_200_000  # 2022-01-01
SPAN = 720  # days

PHONE, INDEX, BROWSER = "phone", "phone_index", "anon_id"
# id type, namespace, share of people who have one, mean of further orders, share of its orders
# that show the phone, kind of the evidence.
ACCOUNTS = (
    ("doudian_open_id", "shop1", 0.55, 1.6, 0.8, "medium"),
    ("ks_open_id", "app1", 0.25, 1.2, 0.7, "medium"),
    ("tb_open_uid", "shop2", 0.35, 1.0, 0.6, "medium"),
    ("wx_openid", "wx1", 0.40, 1.5, 0.5, "medium"),
    ("member_id", "mall", 0.30, 1.0, 0.9, "strong"),
)
WEIXIN, MEMBER = 3, 4


class Truth(NamedTuple):
    """Whose an identifier is, and from when (ms); arrays of (t,). A recycled phone has two rows."""

    code: np.ndarray
    owner: np.ndarray
    start: np.ndarray


@dataclass(frozen=True)
class Planted:
    """The evidence as tables, and as codes: identifier `c` has the hash `hashes[c]`."""

    identifiers: pa.Table
    links: pa.Table
    hashes: pa.Array
    truth: Truth
    a: np.ndarray
    b: np.ndarray
    kind: np.ndarray
    at: np.ndarray


def plant(
    people: int, seed: int, *, family=0.04, leaders=0.0005, recycled=0.03, stray=0.004, double=0.01
):
    """Return the evidence of so many people."""
    rng = np.random.default_rng(seed)
    ids: list[tuple[str, str | None, np.ndarray, np.ndarray]] = []
    total = 0

    def add(id_type, namespace, owner, start=None):
        nonlocal total
        codes = total + np.arange(len(owner))
        total += len(owner)
        start = np.full(len(owner), START) if start is None else start
        ids.append((id_type, namespace, owner, start))
        return codes

    everybody = np.arange(people)
    first = add(PHONE, None, everybody)
    second = np.full(people, -1)
    two = np.flatnonzero(rng.random(people) < 0.12)
    second[two] = add(PHONE, None, two)

    # Numbers given up: the next owner has it from seven to thirteen months later.
    pair = rng.permutation(people)[: int(people * recycled) // 2 * 2].reshape(2, -1)
    old, new = pair
    left = START + rng.integers(60, 300, len(old)) * DAY
    taken = left + rng.integers(210, 400, len(old)) * DAY
    until, since = np.full(people, START + SPAN * DAY), np.full(people, START)
    until[old], since[new] = left, taken
    phone = first.copy()
    phone[new] = first[old]
    held = [(first[old], new, taken)]

    # A family phone: everybody of the household has it in half of the orders.
    shared = np.full(people, -1)
    home = rng.permutation(people)[: int(people * family)]
    size = rng.choice([2, 3, 4], len(home), p=[0.6, 0.3, 0.1])
    house = np.repeat(np.arange(len(home)), size)[: len(home)]
    head = home[np.searchsorted(house, house)]
    shared[home] = phone[head]

    links: list[tuple[np.ndarray, np.ndarray, str, np.ndarray]] = []
    leader = rng.permutation(people)[: max(1, int(people * leaders))]
    for place, (id_type, namespace, share, more, shown, kind) in enumerate(ACCOUNTS):
        owner = np.flatnonzero(rng.random(people) < share)
        # A mall takes each number once; elsewhere some have two accounts.
        twice = owner[rng.random(len(owner)) < (double if kind == "medium" else 0.0)]
        owner = np.concatenate([owner, twice])
        account = add(id_type, namespace, owner)
        orders = np.repeat(np.arange(len(owner)), 1 + rng.poisson(more, len(owner)))
        who, what = owner[orders], account[orders]
        low, high = since[who], until[who]
        at = low + (rng.random(len(who)) * (high - low)).astype(np.int64)
        number = phone[who]
        other = (second[who] >= 0) & (rng.random(len(who)) < 0.3)
        number = np.where(other, second[who], number)
        if kind == "medium":
            lent = (shared[who] >= 0) & (rng.random(len(who)) < 0.5)
            number = np.where(lent, shared[who], number)
            led = rng.random(len(who)) < 0.01
            number = np.where(led, phone[leader[who % len(leader)]], number)
            wrong = rng.random(len(who)) < stray
            number = np.where(wrong, phone[rng.integers(0, people, len(who))], number)
        seen = rng.random(len(who)) < shown
        links.append((what[seen], number[seen], kind, at[seen]))
        if place == WEIXIN:
            known = rng.random(len(owner)) < 0.8
            union = add("wx_unionid", "dev1", owner[known])
            links.append((account[known], union, "strong", since[owner[known]]))
        if place == MEMBER:
            browser = add(BROWSER, "mall", owner)
            links.append((account, browser, "weak", since[owner] + DAY))
            visit = rng.random(len(owner)) < 0.01  # somebody else logs in on it
            links.append(
                (
                    account[visit],
                    rng.permutation(browser)[: visit.sum()],
                    "weak",
                    since[owner[visit]] + 2 * DAY,
                )
            )
            device = add("oaid", None, owner)
            links.append((account, device, "weak", since[owner] + DAY))
    words = np.array(sorted({kind for *_, kind, _ in links}))
    a, b = (np.concatenate([each[side] for each in links]) for side in (0, 1))
    kind = np.concatenate([np.full(len(x), np.searchsorted(words, k)) for x, _, k, _ in links])
    at = np.concatenate([each[3] for each in links])
    # A number lent is not seen before its owner had it.
    sizes = [len(owner) for _, _, owner, _ in ids]
    owner = np.concatenate([each[2] for each in ids])
    begins = np.concatenate([each[3] for each in ids])
    truth = Truth(
        np.concatenate([np.arange(total), *(each[0] for each in held)]),
        np.concatenate([owner, *(each[1] for each in held)]),
        np.concatenate([begins, *(each[2] for each in held)]),
    )
    hashes = _hashes(total, rng)
    low, high = np.full(total, START + SPAN * DAY), np.full(total, START)
    for ends in (a, b):
        np.minimum.at(low, ends, at)
        np.maximum.at(high, ends, at)
    high = np.maximum(low, high)
    identifiers = pa.table(
        {
            "id_hash": hashes,
            "id_type": _spread([each[0] for each in ids], sizes),
            "namespace": _spread([each[1] for each in ids], sizes),
            "first_seen": low,
            "last_seen": high,
        }
    )
    table = pa.table(
        {
            "a": hashes.take(pa.array(a)),
            "b": hashes.take(pa.array(b)),
            "kind": pa.array(words.tolist()).take(pa.array(kind)),
            "at": at,
        }
    )
    return Planted(identifiers, table, hashes, truth, a, b, words[kind], at)


def _hashes(count, rng):
    digits = np.frombuffer(rng.bytes(16 * count).hex().encode(), np.uint8).reshape(count, 32)
    letters = np.empty((count, 41), np.uint8)
    letters[:, :9] = np.frombuffer(b"0123abcd.", np.uint8)
    letters[:, 9:] = digits
    offsets = np.arange(count + 1, dtype=np.int32) * 41
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(letters))


def _spread(words, sizes):
    codes = np.repeat(np.arange(len(words)), sizes).astype(np.int8)
    return pa.array(words, pa.string()).take(pa.array(codes))


class Quality(NamedTuple):
    """How well pairs of identifiers were put together."""

    precision: float
    recall: float


def quality(planted: Planted, labels: np.ndarray) -> Quality:
    """Judge labels, one per row of the truth, by pairs of those that left evidence.

    Recall is of the pairs the evidence allows: both of one person, and connected by true evidence
    of merging strength: strong, medium seen twice a day or more apart, or a device with one user.
    """
    seen = _seen(planted)
    owner, labels, allowed = planted.truth.owner[seen], labels[seen], _allowed(planted)[seen]
    # A phone's two periods are no pair: one identifier cannot be joined to itself.
    _, again = np.unique(np.stack([planted.truth.code[seen], labels]), axis=1, return_counts=True)
    found = _pairs(labels) - int((again * (again - 1) // 2).sum())
    right = _pairs(owner * (int(labels.max()) + 1) + labels)
    both = _pairs(allowed * (int(labels.max()) + 1) + labels)
    return Quality(right / found, both / _pairs(allowed))


def _pairs(labels):
    _, counts = np.unique(labels, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def rows_at(planted: Planted, code: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the row of the truth an identifier has at a time."""
    truth, count = planted.truth, len(planted.hashes)
    later = np.full(count, -1)
    later[truth.code[count:]] = np.arange(count, len(truth.code))
    row = later[code]
    return np.where((row >= 0) & (at >= truth.start[row]), row, code)


def _seen(planted: Planted) -> np.ndarray:
    """Return the rows of the truth that left any evidence."""
    return np.unique(np.append(*(rows_at(planted, x, planted.at) for x in (planted.a, planted.b))))


def _allowed(planted: Planted) -> np.ndarray:
    a, b = (rows_at(planted, ends, planted.at) for ends in (planted.a, planted.b))
    true = planted.truth.owner[a] == planted.truth.owner[b]
    strong = true & (planted.kind == "strong")
    medium = true & (planted.kind == "medium")
    size = len(planted.truth.code)
    key, place = np.unique(a[medium] * size + b[medium], return_inverse=True)
    low, high = np.full(len(key), START * 9), np.zeros(len(key), np.int64)
    np.minimum.at(low, place, planted.at[medium])
    np.maximum.at(high, place, planted.at[medium])
    twice = key[high - low >= DAY]
    # Weak evidence is of devices here, which stand second; those seen with one account are his.
    weak = planted.kind == "weak"
    logins = np.unique(a[weak] * size + b[weak])
    own = logins[np.bincount(logins % size, minlength=size)[logins % size] == 1]
    pairs = np.concatenate([twice, own])
    return components(size, np.append(a[strong], pairs // size), np.append(b[strong], pairs % size))


def judged(planted: Planted, identities: pa.Table) -> np.ndarray:
    """Return the person of each row of the truth when it was last seen, as numbers."""
    import pandas as pd

    frame = identities.select(["id_hash", "person_id", "valid_from", "valid_to"]).to_pandas()
    last = planted.truth.start.copy()
    for ends in (planted.a, planted.b):
        np.maximum.at(last, rows_at(planted, ends, planted.at), planted.at)
    truth = pd.DataFrame(
        {
            "id_hash": planted.hashes.take(pa.array(planted.truth.code)).to_pandas(),
            "at": last,
            "row": np.arange(len(last)),
        }
    )
    found = truth.merge(frame, on="id_hash")
    found = found[
        (found["valid_from"].isna() | (found["valid_from"] <= found["at"]))
        & (found["valid_to"].isna() | (found["valid_to"] > found["at"]))
    ].sort_values("row")
    assert found["row"].tolist() == list(range(len(last)))
    return pd.factorize(found["person_id"])[0]


def naive(planted: Planted) -> np.ndarray:
    """Join everything ever seen with the same phone: what a join by phone number gives."""
    merging = planted.kind != "weak"
    labels = components(len(planted.hashes), planted.a[merging], planted.b[merging])
    return labels[planted.truth.code]
