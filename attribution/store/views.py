"""The canonical tables as a user sees them, over the store's deduplicated rows.

Every idea is one named step over `latest_<table>` (stored rows without doubles, with hidden and
provenance columns) and `identities`, so that a surprising number can be followed back step by
step: `store.query("SELECT * FROM valued_orders")`.
"""

from __future__ import annotations

from attribution.store.channels import channel_steps
from attribution.store.evidence import (
    alias_steps,
    evidence_steps,
    host_steps,
    later_steps,
    plain_steps,
)
from attribution.store.explained import explanation_steps
from attribution.store.maturity import maturity_steps
from attribution.store.one_order import order_steps, reconciliation_steps
from attribution.store.order_lines import line_steps
from attribution.store.revenue import order_view_steps, refund_steps, revenue_steps
from attribution.store.steps import Step, ViewOptions

__all__ = ["Step", "ViewOptions", "steps"]


def steps(options: ViewOptions) -> list[Step]:
    """Return every step, each after those it reads."""
    return [
        *host_steps(),
        *order_steps(options),
        *line_steps(options),
        *refund_steps(options),
        *revenue_steps(options),
        *maturity_steps(options.as_of),
        *order_view_steps(options),
        *reconciliation_steps(options),
        *evidence_steps(options),
        *plain_steps(options),
        *alias_steps(),
        *later_steps(),
        *explanation_steps(options),
        *channel_steps(options),
    ]
