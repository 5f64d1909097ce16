"""The steps of journeys once more: loops over people and orders, written from the definition."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attribution.journeys.definition import JourneyDefinition
    from tests.assemble.histories import History, Row

MONEY = ("gross_fen", "net_fen", "net_expected_fen")
PLACES = ("session_id", "content_id", "streamer_id")
STRONGER = ["exposure", "enter", "watch", "like", "click", "share", "comment", "scan"]
STRONGER += ["message", "follow", "fan_join", "gift", "product_click", "add_cart", "order_source"]


def frames(
    history: History, definition: JourneyDefinition, channels: tuple[str, ...]
) -> dict[str, list[Row]]:
    """Return what every step is to hold, by the step's name."""
    return Twin(history, definition, channels).frames()


class Twin:
    """One history under one definition, worked out person by person."""

    def __init__(
        self, history: History, definition: JourneyDefinition, channels: tuple[str, ...]
    ) -> None:
        self.history, self.definition, self.channels = history, definition, channels
        self.weights = dict(definition.weights)
        self.lookback_by = {name: ms(each) for name, each in definition.lookback_by}

    def frames(self) -> dict[str, list[Row]]:
        out = self.orders() | self.visits_of(self.conversions())
        conversions, visits = out["conversions"], out["visits"]
        out["exposures"] = exposures = self.exposures()
        out["before_orders"] = before = self.before_orders(exposures, visits)
        out["taken"] = final = self.taken(before, visits)
        out["evidence"] = evidence = [
            {"order_id": order["order_id"], "person": order["person"], "at_ms": order["at_ms"]}
            | self.carried(row)
            for row in self.history.touchpoint_rows
            if row["event"] == "order_source"
            for order in conversions
            if order["order_id"] == row["order_id"]
        ]
        matching: set[str] = set()
        if self.definition.match != "any":
            out["matched"] = final = [row for row in final if self.matches(row)]
        if self.definition.match == "halo":
            matching = {row["order_id"] for row in [*final, *evidence]}
            out["matching_orders"] = [{"order_id": order_id} for order_id in matching]
            halo = [row for row in out["taken"] if row["order_id"] not in matching]
            out["credited"] = final = final + halo
        out["settled_evidence"] = settled = [
            row for row in evidence if not any(self.says(touch, row) for touch in final)
        ]
        out["order_touchpoints"] = of_orders = [
            without(row, "person") | {"evidence": said}
            for rows, said in ((final, False), (settled, True))
            for row in rows
        ]
        used = {row["event_id"] for row in final}
        buyers = {order["person"] for order in visits}
        out["free"] = free = [
            without(row, "visit_ms")
            for row in [
                *({**row, "order_ms": None} for row in exposures if row["person"] not in buyers),
                *(row for row in before if row["event_id"] not in used),
            ]
        ]
        out["runs"] = runs = self.runs(free)
        if self.definition.one_per_session:
            out["order_sessions"] = of_orders = self.folded(of_orders, ("order_id",))
            out["run_sessions"] = runs = self.folded(runs, ("person", "run_ms"))
        out["journeys"] = made = self.journeys(conversions, of_orders, runs, matching)
        out["watched_journeys"] = self.watched(made)
        return out

    # ------------------------------------------------------------------ orders

    def counts(self, line: Row) -> bool:
        products, categories = self.definition.products, self.definition.categories
        if not products and not categories:
            return True
        product = line["product_id"]
        if product is not None and (product in products or product.split(":", 1)[1] in products):
            return True
        return line["category"] in categories

    def orders(self) -> dict[str, list[Row]]:
        d, out = self.definition, {}
        chosen = bool(d.products or d.categories)
        lines = [
            without(line, "category") | {"counts": self.counts(line)}
            for line in self.history.line_rows
        ]
        if chosen or d.match != "any":
            out["lines"] = lines
        by_order = defaultdict(list)
        for line in lines:
            by_order[line["order_id"]].append(line)
        worth = {
            order_id: {
                "order_id": order_id,
                "counted_fen": sum(line["paid_fen"] for line in own if line["counts"]),
                "lines_fen": sum(line["paid_fen"] for line in own),
            }
            for order_id, own in by_order.items()
            if any(line["counts"] for line in own)
        }
        if chosen:
            out["order_worth"] = [*worth.values()]
        paid = []
        for order in self.history.order_rows:
            if order["at"] > self.history.as_of or (chosen and order["order_id"] not in worth):
                continue
            row = {name: order[name] for name in ("order_id", "person", *MONEY, *d.segments)}
            row["at_ms"] = order["at"]
            if chosen:
                part = worth[order["order_id"]]
                for name in ("net_fen", "net_expected_fen"):
                    whole = max(part["lines_fen"], order["gross_fen"])
                    row[name] = shared(order[name], part["counted_fen"], whole)
                row["gross_fen"] = part["counted_fen"]
            paid.append(row)
        kept = [row for row in paid if not d.net_of_refunds or row["net_fen"] != 0]
        if d.conversion == "first":
            earliest: dict[str, Row] = {}
            for row in sorted(kept, key=lambda row: (row["at_ms"], row["order_id"])):
                earliest.setdefault(row["person"] or "nobody " + row["order_id"], row)
            kept = [*earliest.values()]
        return out | {"paid_orders": paid, "conversions": kept}

    def conversions(self) -> list[Row]:
        return self.orders()["conversions"]

    def visits_of(self, conversions: list[Row]) -> dict[str, list[Row]]:
        of_person = defaultdict(list)
        for order in sorted(conversions, key=lambda order: order["at_ms"]):
            if order["person"] is not None:
                of_person[order["person"]].append(order)
        bursts, starts, visits = [], [], []
        within = ms(self.definition.same_visit)
        for person, own in of_person.items():
            opened, times = None, []
            for order in own:
                at = order["at_ms"]
                if self.definition.reuse or opened is None or at - opened > within:
                    opened = at
                    starts.append({"person": person, "visit_ms": at})
                visits.append(
                    {name: order[name] for name in ("order_id", "person", "at_ms")}
                    | {"visit_ms": opened}
                )
                if times and at - times[-1] > within:
                    bursts.append({"person": person, "times": times})
                    times = []
                times = sorted({*times, at})
            bursts.append({"person": person, "times": times})
        if self.definition.reuse:
            return {"visits": visits}
        return {"bursts": bursts, "visit_starts": starts, "visits": visits}

    # ------------------------------------------------------------------ touchpoints

    def carried(self, row: Row) -> Row:
        names = (
            "event_id",
            "channel",
            *PLACES,
            "product_id",
            "session_day",
            "session_end",
            "event",
        )
        out = {name: row[name] for name in names}
        if self.weights:
            out["weight"] = self.weights.get(row["event"], 1.0)
        if self.lookback_by:
            evidence = row["event"] == "order_source"
            out["lookback_ms"] = ms(self.definition.lookback) if evidence else self.lookback(row)
        return out

    def lookback(self, row: Row) -> int:
        if row["event"] in self.lookback_by:
            return self.lookback_by[row["event"]]
        name = self.channels[row["channel"]]
        above = [known for known in self.lookback_by if f"{name} · ".startswith(f"{known} · ")]
        if above:
            return self.lookback_by[max(above, key=len)]
        return ms(self.definition.lookback)

    def exposures(self) -> list[Row]:
        return [
            {"person": row["person"], "at_ms": row["at"]} | self.carried(row)
            for row in self.history.touchpoint_rows
            if row["event"] != "order_source" and row["at"] <= self.history.as_of
        ]

    def before_orders(self, exposures: list[Row], visits: list[Row]) -> list[Row]:
        out = []
        for row in exposures:
            own = [order for order in visits if order["person"] == row["person"]]
            later = [order for order in own if order["at_ms"] >= row["at_ms"]]
            coming = min(later, key=lambda order: order["at_ms"], default=None)
            if own:
                out.append(
                    row
                    | {
                        "order_ms": None if coming is None else coming["at_ms"],
                        "visit_ms": None if coming is None else coming["visit_ms"],
                    }
                )
        return out

    def taken(self, before: list[Row], visits: list[Row]) -> list[Row]:
        out = []
        for order in visits:
            earlier = [
                other["at_ms"]
                for other in visits
                if other["person"] == order["person"] and other["visit_ms"] < order["visit_ms"]
            ]
            after = None if self.definition.reuse else max(earlier, default=None)
            out += [
                {"order_id": order["order_id"]} | without(row, "order_ms", "visit_ms")
                for row in before
                if row["person"] == order["person"]
                and row["at_ms"] <= order["at_ms"]
                and order["at_ms"] - row["at_ms"] <= self.lookback(row)
                and (after is None or row["at_ms"] > after)
            ]
        return out

    def matches(self, row: Row) -> bool:
        return any(
            row[name] is not None and row[name] == line[name]
            for line in self.history.line_rows
            if line["order_id"] == row["order_id"] and self.counts(line)
            for name in ("product_id", "session_id", "content_id")
        )

    def says(self, touch: Row, evidence: Row) -> bool:
        """Whether a touchpoint stands for what an order says of its source."""
        if touch["order_id"] != evidence["order_id"]:
            return False
        named = [name for name in PLACES if evidence[name] not in (None, "unknown")]
        offer = self.channels[evidence["channel"]].split(" · ")[-1] != "no explanation"
        if self.definition.level == "offer" and evidence["session_id"] is not None and offer:
            named = []
        if not named:
            return bool(touch["channel"] == evidence["channel"])
        if self.definition.level == "offer" and touch["channel"] == evidence["channel"]:
            return True
        return any(touch[name] == evidence[name] for name in named)

    def runs(self, free: list[Row]) -> list[Row]:
        expiry = ms(self.definition.expiry or self.definition.lookback)
        orders = [(order["person"], order["at_ms"]) for order in self.conversions()]
        out, last, begins = [], None, None
        for row in sorted(free, key=lambda row: (row["person"], row["at_ms"])):
            person, at = row["person"], row["at_ms"]
            goes_on = (
                last is not None
                and last["person"] == person
                and at - last["at_ms"] <= expiry
                and not any(who == person and last["at_ms"] <= then < at for who, then in orders)
            )
            begins = begins if goes_on else at
            out.append(without(row, "order_ms") | {"evidence": False, "run_ms": begins})
            last = row
        return out

    def folded(self, rows: list[Row], key: tuple[str, ...]) -> list[Row]:
        groups = defaultdict(list)
        for row in rows:
            alone = row["session_id"] is None or row["evidence"]
            mine = row["event_id"] if alone else row["session_id"]
            groups[*(row[name] for name in key), alone, mine].append(row)

        def rank(row: Row) -> tuple[Any, ...]:
            weight = self.weights.get(row["event"], 1.0)
            return weight, STRONGER.index(row["event"]), row["at_ms"], row["event_id"].encode()

        return [max(group, key=rank) for group in groups.values()]

    # ------------------------------------------------------------------ journeys

    def journeys(
        self, conversions: list[Row], of_orders: list[Row], runs: list[Row], matching: set[str]
    ) -> list[Row]:
        d, as_of, out = self.definition, self.history.as_of, []
        told = d.match == "halo"
        for order in conversions:
            own = [row for row in of_orders if row["order_id"] == order["order_id"]]
            row = {
                **without(order, "at_ms"),
                "closed_at_ms": order["at_ms"],
                "open": False,
                "first_ms": min((row["at_ms"] for row in own if not row["evidence"]), default=None),
                "touches": self.touches(own) if own else None,
            }
            if told:
                matched = order["order_id"] in matching
                row["match"] = "matched" if matched else "halo" if own else None
            out.append(row)
        groups = defaultdict(list)
        for touch in runs:
            groups[touch["person"], touch["run_ms"]].append(touch)
        for (person, _), own in groups.items():
            expires = max(row["at_ms"] for row in own) + ms(d.expiry or d.lookback)
            row = {
                "order_id": None,
                "person": person,
                "closed_at_ms": min(expires, as_of),
                "open": expires > as_of,
                "first_ms": min(row["at_ms"] for row in own),
                "touches": self.touches(own),
                **dict.fromkeys(MONEY, 0),
                **dict.fromkeys(d.segments),
            }
            out.append(row | ({"match": None} if told else {}))
        return out

    def watched(self, journeys: list[Row]) -> list[Row]:
        """Return the journeys with when their person was watched and what closed before."""
        of_person = defaultdict(list)
        for row in journeys:
            alone = row["order_id"] if row["person"] is None else None
            of_person[row["person"], alone].append(row)
        out = []
        for own in of_person.values():
            starts = [row["first_ms"] for row in own if row["first_ms"] is not None]
            orders = [row["closed_at_ms"] for row in own if row["order_id"] is not None]
            end = self.history.as_of
            if self.definition.conversion == "first" and orders:
                end = min(orders)
            closed = order = None
            for nth, row in enumerate(sorted(own, key=in_line)):
                found = {
                    "start_ms": min(starts, default=None),
                    "end_ms": end,
                    "closed_before_ms": closed,
                    "order_before_ms": order,
                    "is_last": nth == len(own) - 1,
                }
                out.append(row | found)
                closed = row["closed_at_ms"]
                order = order if row["order_id"] is None else closed
        return out

    def touches(self, rows: list[Row]) -> list[Row]:
        names = ["at_ms", "event_id", "channel", "evidence", "session_day", "session_end"]
        names += ["weight"] if self.weights else []
        names += ["lookback_ms"] if self.lookback_by else []
        names += [name for name in self.definition.columns if name not in names]
        ordered = sorted(rows, key=lambda row: (row["at_ms"], row["event_id"].encode()))
        return [{name: row[name] for name in names} for row in ordered]


def in_line(journey: Row) -> tuple[Any, ...]:
    """Return what a person's journeys are put in a line by: closing, then orders by their id."""
    without_order = journey["order_id"] is None
    tie = journey["first_ms"] if without_order else journey["order_id"].encode()
    return journey["closed_at_ms"], without_order, tie


def ms(duration: str) -> int:
    """Return a duration of the histories, such as "7ms"."""
    return int(duration.removesuffix("ms"))


def shared(amount: int, part: int, whole: int) -> int:
    return floor(Fraction(amount * part, whole) + Fraction(1, 2)) if whole else 0


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
