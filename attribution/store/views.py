"""The canonical tables as a user sees them, over the store's deduplicated rows.

Every idea is one named step. A view is the chain of the steps it stands on, each computed once
however many others read it; views upon views would compute it once for every reader. A surprising
number can be followed back step by step: `connection.sql(query("valued_orders", options))`.
"""

from __future__ import annotations

import re
from string import Template
from typing import TYPE_CHECKING

from attribution.store.channels import channel_steps
from attribution.store.evidence import (
    alias_steps,
    evidence_steps,
    host_steps,
    later_steps,
    plain_steps,
)
from attribution.store.maturity import maturity_steps
from attribution.store.one_order import order_steps, reconciliation_steps
from attribution.store.order_lines import line_steps
from attribution.store.revenue import order_view_steps, refund_steps, revenue_steps
from attribution.store.steps import Step, ViewOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb

__all__ = ["VIEWS", "Step", "ViewOptions", "create_views", "query", "steps"]

# What `create_views` creates; the other steps lead there.
VIEWS = (
    "orders",
    "order_lines",
    "refunds",
    "touchpoints",
    "costs",
    "platform_claims",
    "sessions",
    "session_shares",
    "session_metrics",
    "session_products",
    "streamers",
    "streamer_aliases",
    "products",
    "excluded_orders",
    "unmapped_aliases",
    "order_reconciliation",
    "refund_curve",
    "later_rows",
    "channels",
    "as_of",
)

_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")


def steps(options: ViewOptions) -> list[Step]:
    """Return every step, each after those it reads."""
    return [
        *host_steps(),
        *order_steps(options),
        *line_steps(options),
        *refund_steps(options),
        *revenue_steps(),
        *maturity_steps(options.as_of),
        *order_view_steps(),
        *reconciliation_steps(options),
        *evidence_steps(options),
        *plain_steps(options),
        *alias_steps(),
        *later_steps(options),
        *channel_steps(options),
    ]


def query(name: str, options: ViewOptions) -> str:
    """Return the SQL of one step, with all it stands on."""
    return _query(name, {step.name: step for step in steps(options)})


def create_views(
    connection: duckdb.DuckDBPyConnection, options: ViewOptions, names: Iterable[str] = VIEWS
) -> None:
    """Create the views on a connection; nothing is computed before one is read.

    Parameters
    ----------
    connection
        Has `latest_<table>` for every canonical table, without doubles and with hidden and
        provenance columns, and `identities(id_hash, person_id, valid_from, valid_to)`, whose
        periods of one id_hash do not overlap: an instant t belongs to the row with
        valid_from <= t < valid_to, where null is unbounded.
    options
        How the rows are shown.
    names
        The steps to make views of.
    """
    known = {step.name: step for step in steps(options)}
    for name in names:
        connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {_query(name, known)}')


def _query(name: str, known: Mapping[str, Step]) -> str:
    wanted: list[str] = []

    def want(step: Step) -> None:
        for read in _READ.findall(step.sql):
            if read in known and read not in wanted:
                want(known[read])
        wanted.append(step.name)

    want(known[name])
    chain = ", ".join(f"{step} AS ({known[step].sql})" for step in wanted)
    return Template("WITH $chain SELECT * FROM $name").substitute(chain=chain, name=name)
