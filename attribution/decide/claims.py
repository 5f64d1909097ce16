"""What platforms say they sold, against what was sold: each order once, paid, net of refunds.

Over-claim is the sum of claims over net paid orders. Where a claimer names orders, its claims are
set against these very orders; where it tells totals only, against all its platforms' orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.decide.claim_presets import Preset, presets
from attribution.decide.claim_steps import claim_steps
from attribution.decide.days import Days
from attribution.errors import ConfigError
from attribution.store.channels import translated
from attribution.store.store import Store, open_store

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import duckdb

__all__ = ["REASONS", "Claims", "claims"]

# Why a claim is not what was sold, in the order in which they are taken off.
REASONS = (
    "again",
    "unknown",
    "excluded",
    "unpaid",
    "differs",
    "refunded",
    "wider",
    "rest",
)
_FRAMES = {
    "orders": "SELECT * FROM claimed_orders ORDER BY claimer, platform, order_id",
    "markets": "SELECT * FROM claim_markets",
    "net": "SELECT * FROM net_days",
    "days": "SELECT * FROM claim_days",
    "parts": "SELECT * FROM claim_parts",
    "campaigns": "SELECT * FROM claim_campaigns",
    "twice": "SELECT * FROM claims_twice",
    "overlap": "SELECT * FROM claims_overlap",
    "unclaimed": "SELECT * FROM unclaimed_orders",
    "said": "SELECT * FROM claims_said",
}
_AS_THEY_ARE = ("days", "campaigns", "orders", "twice", "overlap", "unclaimed", "said")
_WHOLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=np.nan),
}


@dataclass(frozen=True, eq=False)
class Claims:
    """What is claimed, and what of it was sold. Money is whole fen; ratios are float64.

    "Net" orders are paid orders of which something was kept: `net_fen` above 0. Counts of orders
    are missing for claimers that tell totals only.

    Attributes
    ----------
    claimers
        claimer, platforms, names_orders, window_days, says_orders, says_fen, net_orders, net_fen,
        orders_ratio, ratio, stands_orders, stands_fen, credited_fen: a row for each claimer.
        `window_days` is the widest that was taken. `says_orders` counts an order as often as it is
        claimed. `net_*` are all net orders of its platforms, and the ratios what it says over
        them. `stands_*` is what its strictest reading claims of orders known, paid and kept, each
        once. `credited_fen` is what `credits` gives to its channels.
    why
        claimer, reason, orders, fen: a row for each of `REASONS`. They add up to what the claimer
        says less `net_orders` and `net_fen`: claimed again, an order that is unknown, excluded (a
        test, a fake) or not paid, an amount that differs from what the order earned, refunds, what
        only a wider window or kind claims, and the rest. The rest is below 0 by what the claimer
        does not claim, above it where the strictest reading alone exceeds the sales.
    platforms
        platforms, claimers, says_fen, net_orders, net_fen, ratio: claimers together. Platforms that
        one claimer sells on in common stand in one row, as its totals do not say where. Platforms
        nobody claims are rows, too.
    days
        claimer, day, says_orders, says_fen, stands_fen, net_orders, net_fen, ratio. A claim on an
        order belongs to the day the order is booked, a total to the day its claimer gives it.
    campaigns
        claimer, campaign_id, claims, says_orders, says_fen, again_fen, net_fen, ratio, share. The
        campaign is the ad where none is told; `net_fen` is of the orders it names, `again_fen`
        what another claim of the claimer says as well, `share` what it says over the claimer's
        `net_fen`.
    orders
        claimer, platform, order_id, day, state, claims, times, kinds, window_days, is_strict,
        says_fen, again_fen, unknown_fen, excluded_fen, unpaid_fen, differs_fen, refunded_fen,
        wider_fen, stands_fen, earned_fen: a row for each claimer and order. The parts after
        `says_fen` add up to it, without `earned_fen`, the money of the claimed lines as paid.
        `state` is kept, part_refunded, refunded, unpaid, excluded or unknown.
    twice
        platform, order_id, day, why, claims, claimers, kinds, windows, says_fen, taken_fen,
        net_fen: orders claimed more than once, `why` by several `claimers`, or by one in several
        `kinds`, `windows` or `ads`, or the `same`. Every claim counts here, taken or not; lines of
        one order are no double.
    overlap
        claimer, kind, other_claimer, other_kind, orders, net_fen: orders both claim; an entry with
        itself is all it claims.
    unclaimed
        platform, order_id, day, net_fen, why: net orders no claim names: `not_claimed`, or
        `not_named` where the platform's claimers tell totals only, or `no_claimer`.
    said
        claimer, has_preset, kind, window_days, names_orders, left_out, claims, orders, says_fen:
        all claims as they came. Taken are those whose `left_out` is missing; the others are of a
        `kind` or `window` the preset does not take, `restated` in a wider window, `withdrawn`
        (amount 0), totals of one who also names orders (`told_by_order`), or `undated`.
    rules
        The preset of each claimer, by name.
    """

    claimers: pd.DataFrame
    why: pd.DataFrame
    platforms: pd.DataFrame
    days: pd.DataFrame
    campaigns: pd.DataFrame
    orders: pd.DataFrame
    twice: pd.DataFrame
    overlap: pd.DataFrame
    unclaimed: pd.DataFrame
    said: pd.DataFrame
    rules: Mapping[str, Preset]

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the frames by name."""
        return {name: each for name, each in vars(self).items() if isinstance(each, pd.DataFrame)}

    def in_state(self, *states: str) -> pd.DataFrame:
        """Return the rows of `orders` in these states, largest claims first."""
        found = self.orders[self.orders["state"].isin(states)]
        return _largest(found, "says_fen")

    @property
    def differing(self) -> pd.DataFrame:
        """The rows of `orders` whose claim is not what the order earned, largest gaps first."""
        found = self.orders[self.orders["differs_fen"] != 0]
        return _largest(found.assign(size=found["differs_fen"].abs()), "size").drop(columns="size")


def claims(
    store: Store | str | os.PathLike[str],
    since: str = "",
    until: str = "",
    *,
    rules: Sequence[Preset] = (),
    credits: pd.DataFrame | None = None,  # noqa: A002 - the word readers look for
) -> Claims:
    """Set what platforms claim against the store's orders.

    Parameters
    ----------
    store
        What `open_store` returns, or a workspace's folder.
    since, until
        First and last day, such as "2026-11-11", in the store's time zone; if empty, all there is.
    rules
        Presets that go before the shipped ones of the same claimer. A claimer without any is taken
        at every kind and window it names, and `said.has_preset` is false.
    credits
        Channels and their value by one model (`channel`, `value` in fen), such as
        `attribute(...).frame()`.

    Raises
    ------
    ConfigError
        For what is no day, a period that ends before it begins, or credits without those columns.
    DataError
        If a file of the store cannot be read.
    """
    days = Days(since, until)
    if credits is not None and not {"channel", "value"} <= {*credits.columns}:
        raise ConfigError(
            f"credits has the columns {', '.join(map(str, credits.columns))}: expected channel and "
            "value. Give the frame of one credit, such as attribute(...).frame()."
        )
    if not isinstance(store, Store):
        store = open_store(store)
    known = {**presets(), **{rule.claimer: rule for rule in rules}}
    steps = claim_steps(known.values(), store.timezone, days)

    def read(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
        return {name: _whole(connection.sql(sql).to_arrow_table()) for name, sql in _FRAMES.items()}

    found = store.reading(steps, read)
    markets = found["markets"].groupby("claimer")["platform"].agg(tuple)
    sold_on = {str(claimer): platforms for claimer, platforms in markets.items()}
    net = found["net"]
    parts = found["parts"]
    return Claims(
        claimers=_claimers(parts, found["said"], _credited(credits, known, store)),
        why=_why(parts),
        platforms=_platforms(parts, sold_on, net),
        **{name: found[name] for name in _AS_THEY_ARE},
        rules={name: known.get(name, Preset(name)) for name in sold_on},
    )


def _whole(table: pa.Table) -> pd.DataFrame:
    """Return a frame in which whole numbers stay whole where some are missing."""
    found: pd.DataFrame = table.to_pandas(types_mapper=_WHOLE.get)
    return found


def _largest(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    order = ["claimer", "platform", "order_id"]
    return frame.sort_values([column, *order], ascending=[False, True, True, True])


# ---------------------------------------------------------------------- small frames


def _ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """Return a ratio, missing where there is nothing to hold against or nothing is known."""
    parts = part.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    wholes = whole.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    share = np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)
    return pd.Series(share, index=part.index)


def _claimers(
    parts: pd.DataFrame, said: pd.DataFrame, credited: Mapping[str, float]
) -> pd.DataFrame:
    taken = said["left_out"].isna()
    windows = said["window_days"].where(taken).groupby(said["claimer"]).max()
    names = (said["names_orders"] & taken).groupby(said["claimer"]).any()
    claimer = parts["claimer"]
    return pd.DataFrame(
        {
            "claimer": claimer,
            "platforms": parts["platforms"],
            "names_orders": claimer.map(names).astype(bool),
            "window_days": claimer.map(windows).astype("Int64"),
            "says_orders": parts["says_orders"],
            "says_fen": parts["says_fen"].fillna(0),
            "net_orders": parts["net_orders"],
            "net_fen": parts["net_fen"],
            "orders_ratio": _ratio(parts["says_orders"], parts["net_orders"]),
            "ratio": _ratio(parts["says_fen"], parts["net_fen"]),
            "stands_orders": parts["stands_orders"],
            "stands_fen": parts["stands_fen"],
            "credited_fen": claimer.map(credited).astype("float64"),
        }
    )


def _why(parts: pd.DataFrame) -> pd.DataFrame:
    """Return the gap between what is said and what was sold, by reason."""
    known = {
        "orders": parts[[f"{reason}_orders" for reason in REASONS[:-1]]],
        "fen": parts[[f"{reason}_fen" for reason in REASONS[:-1]]].fillna(0),
    }
    says = {"orders": parts["says_orders"], "fen": parts["says_fen"].fillna(0)}
    found = {}
    for unit, table in known.items():
        rest = says[unit] - parts[f"net_{unit}"] - table.sum(axis=1, skipna=False)
        every = table.assign(rest=rest).to_numpy(object).ravel()
        found[unit] = pd.array(every, "Int64")
    claimers = parts["claimer"].repeat(len(REASONS)).reset_index(drop=True)
    reasons = pd.Series([*REASONS] * len(parts), dtype="str")
    return pd.DataFrame({"claimer": claimers, "reason": reasons, **found})


def _platforms(
    parts: pd.DataFrame, sold_on: Mapping[str, tuple[str, ...]], net: pd.DataFrame
) -> pd.DataFrame:
    """Return claimers together, by the platforms they share."""
    groups: list[tuple[set[str], list[str]]] = [({platform}, []) for platform in set(net.platform)]
    for claimer, platforms in sold_on.items():
        met = [group for group in groups if group[0] & {*platforms}]
        joined = ({*platforms}.union(*(g[0] for g in met)), [c for g in met for c in g[1]])
        groups = [g for g in groups if g not in met] + [(joined[0], [*joined[1], claimer])]
    sums = net.groupby("platform")[["net_orders", "net_fen"]].sum()
    says = parts.set_index("claimer")["says_fen"]
    rows = [
        (
            ", ".join(sorted(platforms)),
            ", ".join(sorted(names)),
            int(says.reindex(names).sum()),
            *(int(sums[c].reindex(sorted(platforms)).fillna(0).sum()) for c in sums.columns),
        )
        for platforms, names in groups
    ]
    frame = pd.DataFrame(
        rows, columns=["platforms", "claimers", "says_fen", "net_orders", "net_fen"]
    )
    frame["ratio"] = _ratio(frame["says_fen"], frame["net_fen"])
    return frame.sort_values("platforms", ignore_index=True)


def _credited(
    credits: pd.DataFrame | None,  # noqa: A002 - as the public function calls it
    rules: Mapping[str, Preset],
    store: Store,
) -> dict[str, float]:
    """Return what a model credits to each claimer's channels, of those that have any."""
    if credits is None:
        return {}
    channel = credits["channel"].astype(str)
    found = {}
    for claimer, rule in rules.items():
        names = [translated(name, store.language) or name for name in rule.channels]
        below = tuple(f"{name} · " for name in names)
        inside = channel.isin(names) | channel.str.startswith(below) if names else None
        if inside is not None and inside.any():
            found[claimer] = float(credits.loc[inside, "value"].sum())
    return found
