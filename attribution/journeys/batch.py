"""The Journeys value: an immutable columnar batch of any number of journeys."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from markupsafe import Markup

from attribution import columns as door
from attribution.errors import DataError
from attribution.journeys import paths as path_text
from attribution.journeys import rows as rows_door
from attribution.journeys.arrow import fields_of, table_of
from attribution.journeys.assembled import Windows, fields_of_rows
from attribution.journeys.graph import journey_graph
from attribution.names import BLOCKS, DEFAULT_TIMEZONE, VALUE
from attribution.numerics import sequences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import networkx as nx
    from numpy.typing import NDArray

    from attribution.notes import Note

__all__ = ["Journeys"]

_SHOWN_ROWS = 10
_BY_TOUCH = ("codes", "ages", "evidence", "touch")
_BY_JOURNEY = (
    "conversions",
    "nulls",
    "values",
    "weight",
    "block",
    "closed_at",
    "day",
    "order_id",
    "open",
    "segments",
    "watched_from",
    "watched_until",
    "risk_from",
    "risk_until",
)


@dataclass(frozen=True, eq=False, repr=False)
class Journeys:
    """An immutable batch of n journeys with T touchpoints in all.

    Build it with `from_paths` or `from_touchpoints`. A journey without touchpoints is an
    unattributed order (conversions) or an untouched person (nulls).

    Attributes
    ----------
    channels
        Channel names, sorted; a touchpoint's code is an index into them.
    offsets
        (n + 1,) journey i's touchpoints are `offsets[i]:offsets[i + 1]`, in time order.
    codes
        (T,) channel code of each touchpoint.
    conversions, nulls
        (n,) how many journeys of this shape converted and how many did not; whole numbers are
        kept as integers.
    values
        Money columns, each (n,) float64 in the caller's unit; the first is `value`.
    ages
        (T,) milliseconds from touchpoint to the journey's close, or None for path counts.
    evidence
        (T,) True where the touchpoint is only what an order says of its own source. Heuristics
        use it; Markov and Shapley read `observed()`, because only buyers have one.
    touch
        Further touchpoint columns, each (T,).
    weight
        (n,) factor on all of a journey's amounts, or None for 1.
    block
        (n,) the person's block out of 64, or None where there are no persons.
    closed_at
        (n,) UTC epoch milliseconds, or None.
    day
        (n,) the day a journey belongs to, int32 days since 1970-01-01 in the time zone of days:
        the order's, or the last touchpoint's where there is no order, so that it does not move as
        time goes on; None for path counts.
    order_id
        (n,) the order's id, None for journeys without one; or None for path counts.
    open
        (n,) True where the journey had not yet expired at the time of reading; or None.
    segments
        Further journey columns, each (n,).
    watched_from, watched_until, risk_from, risk_until
        (n,) milliseconds: when the person was under observation, see `journeys.watch`; or None
        where that is not known. Of them alone, a journey without touchpoints and with a null is a
        person who was watched and never touched.
    lookback
        Milliseconds for which a touchpoint counts; None where there is no limit. Where it differs
        from one touchpoint to another, the longest: the touchpoint column `lookback_ms` says each.
    notes
        What a reader must know of how these journeys were read.
    """

    channels: tuple[str, ...]
    offsets: NDArray[np.int64]
    codes: NDArray[np.int32]
    conversions: NDArray[Any]
    nulls: NDArray[Any]
    values: Mapping[str, NDArray[np.float64]]
    ages: NDArray[np.int64] | None = None
    evidence: NDArray[np.bool_] | None = None
    touch: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    weight: NDArray[np.float64] | None = None
    block: NDArray[np.uint8] | None = None
    closed_at: NDArray[np.int64] | None = None
    day: NDArray[np.int32] | None = None
    order_id: NDArray[np.object_] | None = None
    open: NDArray[np.bool_] | None = None
    segments: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    watched_from: NDArray[np.int64] | None = None
    watched_until: NDArray[np.int64] | None = None
    risk_from: NDArray[np.int64] | None = None
    risk_until: NDArray[np.int64] | None = None
    lookback: int | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        path_text.checked_channels(self.channels)
        if list(self.channels) != sorted(set(self.channels)):
            raise DataError(
                "channels out of order or repeated",
                "distinct names in sorted order",
                "Build journeys with from_paths or from_touchpoints.",
            )
        self._check()
        for name, size in self._sizes().items():
            column = getattr(self, name)
            if isinstance(column, np.ndarray):
                object.__setattr__(self, name, _frozen(column, name, size))
            elif column is not None:
                frozen = {key: _frozen(item, key, size) for key, item in column.items()}
                object.__setattr__(self, name, MappingProxyType(frozen))

    def _check(self) -> None:
        """Refuse what no reader of a file can produce, before it fails far from here."""
        remedy = "Build journeys with from_paths or from_touchpoints."
        if len(self.offsets) == 0 or self.offsets[0] != 0 or (np.diff(self.offsets) < 0).any():
            raise DataError("offsets that do not rise from 0", "bounds of each journey", remedy)
        if len(self.codes) and not 0 <= self.codes.min() <= self.codes.max() < len(self.channels):
            raise DataError("codes of no channel", "indexes into channels", remedy)
        if self.block is not None and len(self.block):
            first, last = int(self.block.min()), int(self.block.max())
            if not 0 <= first <= last < BLOCKS:
                raise DataError(
                    f"blocks from {first} to {last}",
                    f"each person's block, from 0 to {BLOCKS - 1}",
                    "Take a stable hash of the person modulo the number of blocks.",
                )
        names = list(self.values)
        if names[:1] != [VALUE] or {"channel", "conversions", "share"} & set(names):
            raise DataError(
                f"money columns {names}",
                f"{VALUE!r} first, and none called channel, conversions or share",
                "Rename the money column.",
            )

    def _sizes(self) -> dict[str, int]:
        n, touchpoints = len(self.offsets) - 1, int(self.offsets[-1])
        return (
            {"offsets": n + 1}
            | dict.fromkeys(_BY_TOUCH, touchpoints)
            | dict.fromkeys(_BY_JOURNEY, n)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {k: dict(v) if isinstance(v, MappingProxyType) else v for k, v in state.items()}
        return _rebuild, (plain,)

    # ------------------------------------------------------------------ where journeys come from

    @classmethod
    def from_paths(
        cls,
        frame: Any,
        *,
        path: str = "path",
        conversions: str = "total_conversions",
        value: str | None = "total_conversion_value",
        nulls: str | None = "total_null",
        sep: str = " > ",
    ) -> Journeys:
        """Read path counts: one row per path, with how often it converted and how often not.

        Parameters
        ----------
        frame
            A pandas DataFrame or any frame that speaks the Arrow PyCapsule interface.
        path, conversions, value, nulls
            Column names; `value=None` or `nulls=None` says that the frame has no such column.
        sep
            What stands between two channels. Blanks around it and around names do not count.

        Raises
        ------
        DataError
            For a missing column, an empty step, a negative or non-numeric count ...; the message
            names row, column, finding and remedy.
        """
        frame = door.held(frame)
        path_text.check_roles(door.names_of(frame), path, conversions, value, nulls)
        if len(door.names_of(frame)) and door.is_empty(frame):
            raise DataError("no rows", "at least one path", "Check that the input is complete.")
        parsed = path_text.parse(frame, path, sep)
        converted = door.counts(frame, conversions)
        none = np.zeros(len(converted), np.int64)
        return cls(
            channels=parsed.channels,
            offsets=parsed.offsets,
            codes=parsed.codes,
            conversions=converted,
            nulls=none if nulls is None else door.counts(frame, nulls),
            values={VALUE: none.astype(float) if value is None else door.amounts(frame, value)},
        )

    @classmethod
    def from_touchpoints(
        cls,
        touchpoints: Any,
        orders: Any,
        *,
        lookback: str | pd.Timedelta = "30D",
        expiry: str | pd.Timedelta | None = None,
        channel: str = "channel",
        columns: Sequence[str] = (),
        values: Sequence[str] = (),
        segments: Sequence[str] = (),
        person: str = "person",
        at: str = "at",
        order_id: str = "order_id",
        value: str = VALUE,
        same_visit: str | pd.Timedelta = "30min",
        reuse: bool = False,
        tz: str = DEFAULT_TIMEZONE,
        as_of: str | pd.Timestamp | None = None,
        people: Any = None,
    ) -> Journeys:
        """Assemble journeys from raw rows: one journey per order, the rest non-converting.

        Parameters
        ----------
        touchpoints
            Frame of person, at, channel; ties in time are broken by `event_id` if it has one,
            else by row. Rows whose `event` is "order_source" are evidence, not exposure: what the
            order of the same person and instant (and `order_id`, if stated) says of its source.
        orders
            Frame of order_id, person, at, value. An order without a person is unattributed.
        lookback
            Time before the order in which touchpoints count.
        expiry
            Silence after which a journey without an order ends; `lookback` if not given.
        columns, values, segments
            Further columns to carry: of touchpoints, money of orders, and labels of orders.
        same_visit
            Orders of one person within this time of a visit's first order share its touchpoints;
            touchpoints of an earlier visit are consumed, unless `reuse`.
        tz
            Where times without a zone were written.
        as_of
            Rows after this instant are left out; the latest instant in the data if not given.
        people
            Frame of person, start, end: who was under observation and when, also those who were
            never touched. What else it holds, such as a sign of intent, becomes a segment of the
            person's journeys. Without it a person is watched from his first touchpoint to `as_of`.

        Raises
        ------
        DataError
            For a missing column, an unreadable time, a repeated order id or person ...
        """
        windows = Windows(
            lookback=door.duration_ms(lookback, "lookback"),
            expiry=door.duration_ms(lookback if expiry is None else expiry, "expiry"),
            same_visit=door.duration_ms(same_visit, "same_visit"),
            reuse=reuse,
        )
        money = rows_door.money_columns(value, values)
        touchpoints, orders = door.held(touchpoints), door.held(orders)
        touch = rows_door.read_touchpoints(touchpoints, person, at, channel, order_id, columns, tz)
        order = rows_door.read_orders(orders, person, at, order_id, money, segments, tz)
        watched = None
        if people is not None:
            watched = rows_door.read_people(door.held(people), person, segments, tz)
        return cls(**fields_of_rows(touch, order, watched, windows, tz, as_of))

    @classmethod
    def from_arrow(cls, table: Any) -> Journeys:
        """Read journeys from a table as the Arrow interface of journeys gives it.

        Parameters
        ----------
        table
            One row per journey, its touchpoints as lists: whatever speaks the Arrow PyCapsule
            interface. A further column belongs to touchpoints if it holds lists, is money if it
            holds floating-point numbers, and else labels journeys.

        Raises
        ------
        DataError
            For a missing column, or lists of different lengths in one row.
        """
        return cls(**fields_of(table))

    # ------------------------------------------------------------------ what journeys hold

    def __len__(self) -> int:
        """Return the number of rows (path counts hold many journeys in one row)."""
        return len(self.offsets) - 1

    @property
    def journeys(self) -> int | float:
        """The number of journeys: conversions and nulls together."""
        return (self.conversions.sum() + self.nulls.sum()).item()  # type: ignore[no-any-return]

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """(n,) touchpoints of each journey."""
        return _frozen(np.diff(self.offsets), "lengths", len(self))

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """(T,) the journey each touchpoint belongs to."""
        return _frozen(np.repeat(np.arange(len(self)), self.lengths), "rows", len(self.codes))

    @cached_property
    def distinct(self) -> NDArray[np.bool_]:
        """(T,) True at each channel's first touchpoint in its journey."""
        pair = self.rows * max(1, len(self.channels)) + self.codes
        _, first = np.unique(pair, return_index=True)
        marked = np.zeros(len(pair), bool)
        marked[first] = True
        return _frozen(marked, "distinct", len(self.codes))

    @property
    def measures(self) -> tuple[str, ...]:
        """What a conversion is worth: `conversions`, `value`, and further money columns."""
        return ("conversions", *self.values)

    def amounts(self) -> NDArray[np.float64]:
        """Return (n, m) the weighted measures of each journey."""
        table = np.column_stack([self.conversions, *self.values.values()]).astype(float)
        return table if self.weight is None else table * self.weight[:, None]

    def weighted_nulls(self) -> NDArray[np.float64]:
        """Return (n,) the weighted number of journeys that did not convert."""
        nulls = self.nulls.astype(float)
        return nulls if self.weight is None else nulls * self.weight

    def take(self, rows: Any) -> Journeys:
        """Return the chosen journeys: a slice, a mask or row numbers."""
        rows = np.atleast_1d(np.arange(len(self))[rows])
        offsets, where = sequences.take(self.offsets, rows)
        return self._with(offsets, where, rows)

    __getitem__ = take

    def slices(self, touchpoints: int) -> Iterator[Journeys]:
        """Yield the journeys in order, about so many touchpoints at a time, without copying."""
        starts = np.searchsorted(self.offsets, np.arange(0, len(self.codes), touchpoints))
        bounds = np.unique(np.append(np.minimum(starts, len(self)), [0, len(self)]))
        for first, last in pairwise(bounds.tolist()):
            offsets = self.offsets[first : last + 1]
            where = slice(int(offsets[0]), int(offsets[-1]))
            yield self._with(offsets - offsets[0], where, slice(first, last))

    def rolled_up(self, names: Mapping[str, str]) -> Journeys:
        """Return the same journeys at a coarser level: each named channel under its new name."""
        new = [names.get(name, name) for name in self.channels]
        if "" in new:
            raise DataError("an empty name", "a name for every channel", "Name the coarser level.")
        channels, recode = path_text.sorted_channels(new)
        return replace(self, channels=channels, codes=recode[self.codes])

    def without_repeats(self) -> Journeys:
        """Return the journeys with neighbouring touchpoints of one channel merged into one."""
        fresh = np.append(True, np.diff(self.codes) != 0)[: len(self.codes)]
        fresh[self.offsets[:-1][self.lengths > 0]] = True
        lengths = np.bincount(self.rows[fresh], minlength=len(self))
        return self._with(
            sequences.offsets_of(lengths), np.flatnonzero(fresh), np.arange(len(self))
        )

    @cached_property
    def converting(self) -> Journeys:
        """The journeys that carry a conversion or money; the others move no credit."""
        keep = self.conversions != 0
        for column in self.values.values():
            keep = keep | (column != 0)
        return self if keep.all() else self.take(keep)

    @cached_property
    def observed(self) -> Journeys:
        """The journeys without the touchpoints that are only an order's evidence of its source."""
        if self.evidence is None:
            return self
        keep = np.flatnonzero(~self.evidence)
        lengths = np.bincount(self.rows[keep], minlength=len(self))
        seen = self._with(sequences.offsets_of(lengths), keep, np.arange(len(self)))
        return replace(seen, evidence=None)

    def _with(
        self,
        offsets: NDArray[np.int64],
        where: NDArray[np.int64] | slice,
        rows: NDArray[np.int64] | slice,
    ) -> Journeys:
        """Return the journeys `rows`, holding the touchpoints `where` between new offsets."""

        def chosen(column: Any, index: NDArray[np.int64] | slice) -> Any:
            if column is None:
                return None
            if isinstance(column, np.ndarray):
                picked = column[index]
                picked.flags.writeable = False
                return picked
            return {name: chosen(item, index) for name, item in column.items()}

        return Journeys(
            channels=self.channels,
            offsets=offsets,
            lookback=self.lookback,
            notes=self.notes,
            **{n: chosen(getattr(self, n), where) for n in _BY_TOUCH},
            **{n: chosen(getattr(self, n), rows) for n in _BY_JOURNEY},
        )

    # ------------------------------------------------------------------ how to look at them

    def frame(self, sep: str = " > ") -> pd.DataFrame:
        """Return one row per journey: path, touchpoints, conversions, nulls, money, order."""
        data: dict[str, Any] = {
            "path": _text(path_text.join(self.channels, self.offsets, self.codes, sep)),
            "touchpoints": self.lengths,
            "conversions": self.conversions,
            "nulls": self.nulls,
            **self.values,
        }
        if self.order_id is not None:
            data = {"order_id": self.order_id} | data
        if self.closed_at is not None:
            data["closed_at"] = pd.to_datetime(self.closed_at, unit="ms", utc=True)
        optional = {"open": self.open, "weight": self.weight, "block": self.block}
        data |= {name: column for name, column in optional.items() if column is not None}
        return pd.DataFrame(data | dict(self.segments))

    def touchpoints(self) -> pd.DataFrame:
        """Return one row per touchpoint: journey, position, channel, age and carried columns."""
        data: dict[str, Any] = {
            "journey": self.rows,
            "position": sequences.positions(self.offsets),
            "channel": pd.Categorical.from_codes(self.codes, pd.Index(self.channels, dtype="str")),
        }
        if self.ages is not None:
            data["age"] = pd.to_timedelta(self.ages, unit="ms")
        if self.evidence is not None:
            data["evidence"] = self.evidence
        return pd.DataFrame(data | dict(self.touch))

    def paths(self, sep: str = " > ") -> pd.DataFrame:
        """Return path counts, most conversions first, in the shape that `from_paths` reads."""
        first, inverse = sequences.group(self.offsets, self.codes)
        table = sequences.sum_by(
            inverse, np.column_stack([self.amounts(), self.weighted_nulls()]), len(first)
        )
        offsets, where = sequences.take(self.offsets, first)
        frame = pd.DataFrame(
            {
                "path": _text(path_text.join(self.channels, offsets, self.codes[where], sep)),
                "total_conversions": _whole(table[:, 0]),
                "total_conversion_value": table[:, 1],
                "total_null": _whole(table[:, -1]),
            }
        )
        order = ["total_conversions", "total_null", "path"]
        return frame.sort_values(order, ascending=[False, False, True], ignore_index=True)

    def graph(self) -> nx.DiGraph:
        """Return the journey graph with START, CONVERSION and NULL; see `journey_graph`."""
        nulls = self.weighted_nulls()
        return journey_graph(self.channels, self.offsets, self.codes, self.amounts()[:, 0], nulls)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Speak the Arrow PyCapsule interface: one row per journey, touchpoints as lists."""
        stream: object = table_of(self).__arrow_c_stream__(requested_schema)
        return stream

    def __repr__(self) -> str:
        times = "with ages" if self.ages is not None else "without times"
        return (
            f"Journeys({len(self):,} rows, {self.journeys:,} journeys, "
            f"{self.conversions.sum():,} conversions, {len(self.codes):,} touchpoints, "
            f"{len(self.channels):,} channels, {times})"
        )

    def _repr_html_(self) -> str:
        """Show the totals and the most frequent paths; channel names are escaped."""
        first = self.take(np.argsort(-self.conversions, kind="stable")[:_SHOWN_ROWS])
        names = first.channels
        rows = Markup("").join(
            Markup("<tr><td>{}</td><td>{:,}</td><td>{:,}</td><td>{:,.2f}</td></tr>").format(
                " › ".join(names[c] for c in first.codes[a:b][:_SHOWN_ROWS])
                + (" …" if b - a > _SHOWN_ROWS else "")
                or "–",
                first.conversions[i],
                first.nulls[i],
                first.values[VALUE][i],
            )
            for i, (a, b) in enumerate(zip(first.offsets[:-1], first.offsets[1:], strict=True))
        )
        head = Markup(
            "<p>{}</p><table><tr><th>path</th><th>conversions</th><th>nulls</th><th>value</th></tr>"
        ).format(repr(self))
        return head + rows + Markup("</table>")


# ---------------------------------------------------------------------- small helpers


def _frozen(column: NDArray[Any], name: str, size: int) -> NDArray[Any]:
    if column.shape != (size,):
        raise DataError(
            f"{column.shape} entries",
            f"{size} entries",
            "Build journeys with from_paths or from_touchpoints.",
            column=name,
        )
    if column.flags.writeable:
        column = column.copy()  # the caller keeps the original and may change it
        column.flags.writeable = False
    return column


def _rebuild(state: dict[str, Any]) -> Journeys:
    return Journeys(**state)


def _text(array: pa.Array) -> pd.Series[Any]:
    return pd.Series(array.to_pandas())


def _whole(column: NDArray[np.float64]) -> NDArray[Any]:
    return column.astype(np.int64) if (column == np.floor(column)).all() else column
