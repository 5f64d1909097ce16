"""Who was under observation, as somebody says it: read, and found among a store's people."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns as door
from attribution.assemble.watched import Listed
from attribution.errors import DataError
from attribution.identity.keys import PLAIN, Keyring, read_keyring
from attribution.journeys.rows import read_people
from attribution.sources.table import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.identity.resolve import People as Resolved
    from attribution.journeys.rows import People
    from attribution.workspace import Workspace

    Ints = NDArray[np.int64]

__all__ = ["StatedPeople", "read_stated"]

_PERSON, _ID = "person", ("id_type", "id_value")
_PHONE = "phone"


@dataclass(frozen=True, eq=False)
class StatedPeople:
    """Rows of people under observation; whom each of them means, a store says.

    Attributes
    ----------
    people
        When each was watched, and labels.
    names
        (n,) person_ids or id_hashes; or identifiers as a platform writes them, of `id_types`.
    id_types
        (n,) kinds of identifiers; None for names that are ids of the store.
    column, source
        Where the names stand, for errors.
    keyring
        The keys that identifiers may have been hashed with.
    """

    people: People
    names: pa.Array
    id_types: pa.Array | None
    column: str
    source: str
    keyring: Keyring

    def among(self, resolved: Resolved) -> Listed:
        """Return the rows under a store's person ids; whom it does not know is a person, too.

        Raises
        ------
        DataError
            If the store knows nobody of them, several persons by one identifier, or one person by
            several rows.
        """
        own, hashes = self._own(), [*self._hashes(resolved)]
        met = pd.DataFrame(
            {
                "row": np.concatenate([rows for rows, _ in hashes]),
                "id_hash": pa.chunked_array([each for _, each in hashes], pa.string()).to_pandas(),
            }
        ).merge(
            resolved.identities.select(
                ["id_hash", "person_id", "valid_from", "valid_to"]
            ).to_pandas(),
            on="id_hash",
        )
        at = self.people.start[met["row"].to_numpy()]
        # An identifier that changed hands is whose it was when the observation began.
        its = ~((met["valid_from"] > at) | (met["valid_to"] <= at))
        met = met[its].drop_duplicates(["row", "person_id"])
        self._refuse_if(
            met["row"].duplicated(),
            met["row"],
            "an identifier that several persons are known by",
            "an identifier of one person",
            "Name the person by the person_id of the table `persons`.",
        )
        persons = own.to_numpy(zero_copy_only=False).astype(object)
        persons[met["row"].to_numpy()] = met["person_id"].to_numpy()
        known = pc.is_in(own, value_set=resolved.persons["person_id"])
        if len(persons) and len(resolved.persons) and not (len(met) or pc.any(known).as_py()):
            raise DataError(
                "nobody whom the store knows",
                "a person_id or id_hash of the store in `person`, or identifiers in `id_type` and "
                "`id_value` as its mapping names and reads them",
                "Compare them with the tables `persons` and `identities`; for identifiers, set "
                "ATTRIBUTION_KEY as for the ingest.",
                column=self.column,
                source=self.source,
            )
        again = pd.Series(persons).duplicated()
        self._refuse_if(
            again,
            np.arange(len(persons)),
            "a person again",
            "each person once, with one start and one end",
            "Keep one row per person: from his first start to his last end.",
        )
        rows = {
            "person": pa.array(persons, pa.string()),
            "start_ms": self.people.start,
            "end_ms": self.people.end,
            "row": np.arange(len(persons)),
        }
        return Listed(pa.table(rows), self.people.labels)

    def _own(self) -> pa.Array:
        """Return what to call whom the store does not know: never an identifier in the clear."""
        if self.id_types is None:
            return self.names
        out = np.full(len(self.names), None, dtype=object)
        for id_type, rows, values in self._by_type():
            out[rows] = self.keyring.hashes(id_type, None, values).to_numpy(zero_copy_only=False)
        return pa.array(out, pa.string())

    def _hashes(self, resolved: Resolved) -> Iterator[tuple[Ints, pa.Array]]:
        """Yield rows and the hashes that their identifiers may have in the store."""
        if self.id_types is None:
            yield np.arange(len(self.names)), self.names
            return
        yield np.zeros(0, np.int64), pa.array([], pa.string())
        kinds = resolved.identities.group_by(["id_type", "namespace"]).aggregate([]).to_pylist()
        for id_type, rows, values in self._by_type():
            for kind in (each for each in kinds if each["id_type"] == id_type):
                namespace = pa.array([kind["namespace"]] * len(values), pa.string())
                for key in self.keyring.keys:
                    if key != PLAIN or id_type != _PHONE:
                        yield rows, Keyring((key,)).hashes(id_type, namespace, values)

    def _by_type(self) -> Iterator[tuple[str, Ints, pa.Array]]:
        """Yield each kind of identifier, its rows, and the values in the form that is hashed."""
        assert self.id_types is not None  # noqa: S101
        for id_type in self.id_types.unique().to_pylist():
            of_type = pc.equal(self.id_types, id_type).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(of_type)
            values = self.names.take(pa.array(rows))
            if id_type == _PHONE:
                values = self.keyring.phones(values).number
                self._refuse_if(
                    values.is_null().to_numpy(zero_copy_only=False),
                    rows,
                    "no phone number",
                    "a phone number",
                    "Correct the cell, or leave the row out.",
                )
            yield id_type, rows, values

    def _refuse_if(self, wrong: Any, rows: Any, found: str, expected: str, remedy: str) -> None:
        """Raise an error for the first row that is wrong, if any is."""
        wrong = np.asarray(wrong)
        if wrong.any():
            row = int(np.asarray(rows)[wrong].min()) + 1
            raise DataError(found, expected, remedy, row, self.column, self.source)


def read_stated(
    people: Any, workspace: Workspace, segments: Sequence[str], environ: Mapping[str, str]
) -> StatedPeople:
    """Read who was under observation in a workspace.

    Parameters
    ----------
    people
        A file or a frame: `person` (a person_id or id_hash of the store) or `id_type` and
        `id_value` (as a platform writes it), `start`, `end`, and labels.
    workspace
        For its time zone and its keys.
    segments
        Labels of orders, which no label of people may be called.
    environ
        The environment, for the key.

    Raises
    ------
    DataError
        For a missing column, a person listed twice, an end before the start ...
    ConfigError
        If a key cannot stand.
    """
    source, frame = "people", people
    if isinstance(people, str | os.PathLike):
        source, frame = os.fspath(people), read_table(people, text=(_PERSON, *_ID))
    frame = door.held(frame)
    columns = door.names_of(frame)
    typed = _PERSON not in columns and {*_ID} <= {*columns}
    column = _ID[1] if typed else _PERSON
    demo = read_keyring({}, None, demo=True).keys
    keyring = read_keyring(environ, workspace.key_file, demo=False).after(*demo, PLAIN)
    try:
        id_types, names = None, None
        if typed:
            id_types = _required(frame, _ID[0])
            names = _required(frame, _ID[1])
            kept = [name for name in columns if name != _ID[0]]
            frame = pa.table({name: door.arrow(frame, name) for name in kept})
            # One value may be an identifier of two kinds.
            told = pc.binary_join_element_wise(id_types, names, pa.scalar("\0", pa.large_string()))
            frame = frame.set_column(kept.index(_ID[1]), _ID[1], told)
        read = read_people(frame, column, segments, workspace.timezone)
    except DataError as error:
        raise error.at(source) from None
    stated = (read.person if names is None else names).cast(pa.string())
    return StatedPeople(read, stated, id_types, column, source, keyring)


def _required(frame: Any, column: str) -> pa.Array:
    """Return a column of ids, each of which is stated."""
    found = door.identifiers(frame, column)
    if found.null_count:
        row = int(np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            "an empty cell",
            "the kind of the identifier" if column == _ID[0] else "the identifier",
            "Fill it, or leave the row out.",
            row=row + 1,
            column=column,
        )
    return found
