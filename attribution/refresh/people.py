"""Who is who among some identifiers: identity resolved on their part of the evidence alone.

Identifiers that no chain of links connects have nothing to do with each other: no rule of
`attribution.identity.resolve` looks further than that. So whoever is resolved with all that links
lead to is the same person as if everybody had been.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from attribution.store.connection import open_connection
from attribution.store.people import resolve_people

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

    from attribution.identity.rules import Rules
    from attribution.refresh.evidence import Evidence

__all__ = ["IDENTITY_COLUMNS", "differing", "identities_of", "undated_links"]

IDENTITY_COLUMNS = ("id_hash", "person_id", "valid_from", "valid_to")

# A link without a time takes that of its ends; where they have none either it takes the latest of
# all links, wherever that is.
_UNDATED = """
WITH seen AS (
    SELECT id_hash, max(last_seen) AS last_seen FROM latest_identifiers GROUP BY id_hash
)
SELECT count(*)
FROM latest_links AS l
JOIN seen AS a ON a.id_hash = l.a
JOIN seen AS b ON b.id_hash = l.b
WHERE l."at" IS NULL AND (a.last_seen IS NULL OR b.last_seen IS NULL)
"""


def identities_of(
    evidence: Evidence, keys: NDArray[np.uint64], rules: Rules, timezone: str
) -> tuple[pa.Table, int]:
    """Return identities of these identifiers, and how many links among them have no time at all.

    Parameters
    ----------
    evidence
        Of everybody.
    keys
        (k,) keys of identifiers, with all that links lead to.
    rules, timezone
        As the store has them.
    """
    connection = open_connection(timezone)
    try:
        links = evidence.links.take(keys).select(["a", "b", "kind", "at"])
        connection.register("latest_identifiers", evidence.identifiers.take(keys))
        # Each stands there once for either end.
        connection.register("latest_links", links.group_by(links.column_names).aggregate([]))
        identities = resolve_people(connection, rules).identities
        return identities.select(list(IDENTITY_COLUMNS)), undated_links(connection)
    finally:
        connection.close()


def undated_links(connection: duckdb.DuckDBPyConnection) -> int:
    """Return how many links depend on when others were seen, of `latest_identifiers`, `_links`."""
    ((found,),) = connection.sql(_UNDATED).fetchall()
    return int(found)


def differing(old: pa.Table, new: pa.Table) -> pa.Array:
    """Return the id_hash of identities that are in one of two tables only."""
    both = pa.concat_tables([old, new])
    counted = both.group_by(both.column_names).aggregate([([], "count_all")])
    single = counted.filter(pc.equal(counted.column("count_all"), 1))
    return pc.unique(single.column("id_hash"))
