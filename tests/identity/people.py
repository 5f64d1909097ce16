"""Evidence written as a few words, for the tests: `phone:x`, `douyin:a`, `wx@app1:o`."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from attribution.identity.resolve import Rules, resolve

DAY = 86_400_000
START = 1_700_000_000_000

TYPES = {
    "phone": "phone",
    "device": "oaid",
    "addressee": "addressee_key",
    "browser": "anon_id",
}


def hashed(name: str, key: str = "k1") -> str:
    return f"{key}.{hashlib.sha256(f'{key} {name}'.encode()).hexdigest()[:32]}"


def typed(name: str) -> tuple[str, str | None]:
    """Return id type and namespace of a name such as `wx@app1:o`."""
    kind, _, space = name.partition(":")[0].partition("@")
    return TYPES.get(kind, kind), space or None


def evidence(links, extra=(), hashes=hashed):
    """Return the tables of (a, b, kind, day) and of names seen alone as (name, day)."""
    days_of: dict[str, list[float]] = {}
    for a, b, _, day in links:
        for name in (a, b):
            days_of.setdefault(name, []).append(day)
    for name, day in extra:
        days_of.setdefault(name, []).append(day)
    identifiers = pa.table(
        {
            "id_hash": pa.array([hashes(name) for name in days_of], pa.string()),
            "id_type": pa.array([typed(name)[0] for name in days_of], pa.string()),
            "namespace": pa.array([typed(name)[1] for name in days_of], pa.string()),
            "first_seen": pa.array([at(min(days)) for days in days_of.values()], pa.int64()),
            "last_seen": pa.array([at(max(days)) for days in days_of.values()], pa.int64()),
        }
    )
    table = pa.table(
        {
            "a": pa.array([hashes(a) for a, *_ in links], pa.string()),
            "b": pa.array([hashes(b) for _, b, *_ in links], pa.string()),
            "kind": pa.array([kind for *_, kind, _ in links], pa.string()),
            "at": pa.array([at(day) for *_, day in links], pa.int64()),
        }
    )
    return identifiers, table


def at(day: float) -> int:
    return START + round(day * DAY)


def seen(a, b, kind="medium", days=(0, 3)):
    """Return evidence seen on two days, so that medium evidence joins."""
    return [(a, b, kind, day) for day in days]


def names(links, extra=()):
    found = dict.fromkeys(name for a, b, *_ in links for name in (a, b))
    return list(found | dict.fromkeys(name for name, _ in extra))


def people(links, extra=(), rules=None, hashes=hashed):
    """Return the groups of names, a later period of a phone written as `phone:x/1`."""
    found = resolve(*evidence(links, extra, hashes), rules or Rules())
    return groups(found, names(links, extra), hashes)


def groups(found, known, hashes=hashed):
    name_of = {hashes(name): name for name in known}
    rows = in_time(found)
    turn: dict[str, int] = {}
    out: dict[str, set[str]] = {}
    for row in rows:
        name = name_of[row["id_hash"]]
        period = turn[name] = turn.get(name, -1) + 1
        out.setdefault(row["person_id"], set()).add(f"{name}/{period}" if period else name)
    return {frozenset(each) for each in out.values()}


def together(*persons):
    return {frozenset(each.split()) for each in persons}


def in_time(found):
    """Return the rows of identities, a phone's periods in order."""
    return sorted(found.identities.to_pylist(), key=lambda row: row["valid_from"] or 0)
