"""Whom an id means: a person_id, a hash, or an identifier as a platform or a customer says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError
from attribution.identity.keys import PLAIN, read_keyring
from attribution.identity.phones import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attribution.identity.resolve import People
    from attribution.workspace import Workspace

__all__ = ["hash_of"]


def hash_of(workspace: Workspace, people: People, asked: str, environ: Mapping[str, str]) -> str:
    """Return the person_id or id_hash that an id means.

    An identifier is hashed as every kind of id the store holds, under every key there is; what is
    asked for is neither stored nor repeated.

    Raises
    ------
    DataError
        If nobody is known by it, or several kinds of id are.
    ConfigError
        If the key cannot stand.
    """
    asked = asked.strip()
    known = people.identities.column("id_hash")
    named = pc.any(pc.equal(known, asked), min_count=0).as_py() or asked.startswith("p")
    if named and (
        "." in asked or pc.any(pc.equal(people.persons.column("person_id"), asked)).as_py()
    ):
        return asked
    demo = read_keyring({}, None, demo=True).keys
    keyring = read_keyring(environ, workspace.key_file, demo=False).after(*demo, PLAIN)
    phone = normalise(pa.array([asked])).number[0].as_py()
    kinds = people.identities.group_by(["id_type", "namespace"]).aggregate([]).to_pylist()
    hashes = {
        hashed
        for kind in kinds
        for value in ({asked, phone} if kind["id_type"] == "phone" else {asked})
        if value
        for hashed in keyring.hash_each(kind["id_type"], kind["namespace"], value)
    }
    rows = people.identities.filter(
        pc.is_in(known, value_set=pa.array(sorted(hashes), pa.string()))
    )
    found = rows.column("person_id").unique().to_pylist()
    if len(found) == 1:
        return str(rows.column("id_hash")[0].as_py())
    if not found:
        raise DataError(
            "an id nobody is known by",
            "a person_id, an id_hash, or an identifier as a platform gives it",
            "Look it up in the tables `persons` and `identities`; who was forgotten is in neither.",
        )
    raise DataError(
        f"an id that {len(found)} persons are known by",
        "one person",
        f"Name one of them: {', '.join(sorted(map(str, found)))}.",
    )
