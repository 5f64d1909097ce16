"""Which fields of a file are about persons: to be hashed as ids, or left out and never shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from attribution.mapping.vocabulary import words
from attribution.proposal.forms import SAME, column_score, is_name, named, seen
from attribution.proposal.looks import Leaf
from attribution.proposal.proposal import Guess

__all__ = ["Fields"]

_WHY = {
    "name": "a name",
    "nickname": "a name; the id beside it is what counts",
    "address": "part of an address",
    "account": "an account or address of a person",
    "text": "free text, which may name persons",
    "picture": "a picture of a person",
}
_OWNERS = ("会员", "注册", "登录", "member", "login")


@dataclass(frozen=True)
class Fields:
    """The fields of a file, those about persons told from the others."""

    leaves: tuple[Leaf, ...]

    @cached_property
    def phones(self) -> frozenset[str]:
        """Fields of phone numbers, to be hashed."""
        return frozenset(path for path, state in self._phones.items() if not state)

    @cached_property
    def personal(self) -> dict[str, str]:
        """Field -> why it is left out."""
        found = {path: why for path, why in self._phones.items() if why}
        for leaf in self.leaves:
            if leaf.path not in self._phones and (why := self._personal(leaf)):
                found[leaf.path] = why
        return found

    def scope(self, rows: str) -> list[Leaf]:
        """Return the fields a row of a list can read: its item's and the record's."""
        return [
            leaf
            for leaf in self.leaves
            if leaf.within in ("", rows)
            and leaf.path not in self.personal
            and leaf.path not in self.phones
        ]

    def ids(self, rows: str) -> list[Guess]:
        """Return who a row is of: a guess for each identifier, those that say most first."""
        order = list(words()["ids"])
        found = []
        for leaf in self.leaves:
            if leaf.within not in ("", rows) or leaf.path in self.personal:
                continue
            if leaf.path in self.phones:
                found.append((order.index("phone"), _phone_guess(leaf)))
                continue
            score, kind = _best(leaf, "ids", without="phone")
            if score >= 0.9 and leaf.look.filled:
                found.append((order.index(kind), _id_guess(leaf, kind, score)))
        return [guess for _, guess in sorted(found, key=lambda each: (each[0], each[1].source))]

    def streamers(self, rows: str) -> list[Guess]:
        """Return whose content a row is of, as the platform names him."""
        ways, kinds = [], []
        scope = [leaf for leaf in self.scope(rows) if leaf.look.filled]
        close = [(*_best(leaf, "streamers"), leaf) for leaf in scope]
        for _, kind, leaf in sorted(close, key=lambda each: (-each[0], each[2].path)):
            if _best(leaf, "streamers")[0] < SAME:
                continue
            way: dict[str, object] = {"from": leaf.path, "type": kind}
            empty = [*(["0"] if leaf.look.zero else []), *leaf.look.nothing]
            ways.append(way | ({"null_if": empty} if empty else {}))
            kinds.append(kind)
        if not ways:
            return []
        why = f"{', '.join(kinds)} by name"
        todo = "a streamer has several ids: is it this one?" if "author_id" in kinds else ""
        return [Guess("streamer", str(ways[0]["from"]), ways, 0.75, why, todo=todo)]

    @cached_property
    def _phones(self) -> dict[str, str]:
        """Field of phones -> why it is left out, "" if it is not."""
        found = {}
        for leaf in self.leaves:
            look, (score, _) = leaf.look, named(leaf, "ids", "phone")
            if _best(leaf, "ids", without="phone")[0] > score:
                score = 0.0  # such as an index made of phones
            if look.phone >= 0.5:
                # Eleven digits under the very name of an order's id are what the name says.
                if score >= SAME or max(_columns(leaf), _best(leaf, "other")[0]) < 0.97:
                    found[leaf.path] = ""
            elif look.masked >= 0.5 and (score >= 0.6 or look.masked >= 0.8):
                found[leaf.path] = "a masked phone, which is never a key"
            elif score >= 0.6 and look.filled and look.phone < 0.2:
                found[leaf.path] = "called a phone, but encrypted or cut"
            elif score >= SAME:
                found[leaf.path] = ""
        return found

    @staticmethod
    def _personal(leaf: Leaf) -> str:
        look = leaf.look
        shares = (
            (look.email, "e-mail addresses"),
            (look.masked_name, "masked names"),
            (look.address, "addresses"),
        )
        for share, why in shares:
            if share >= 0.5:
                return why
        if is_name(leaf, "name"):
            return "" if look.order_number >= 0.8 else "a name"
        best, kind = _best(leaf, "personal")
        rivals = (_columns(leaf), *(_best(leaf, each)[0] for each in ("ids", "streamers", "other")))
        return _WHY[kind] if best >= 0.6 and best >= max(rivals) - 0.002 else ""


def _best(leaf: Leaf, section: str, without: str = "") -> tuple[float, str]:
    """Return how well a field is named like one of a section's kinds, and which."""
    kinds = [kind for kind in words()[section] if kind != without]
    return max((named(leaf, section, kind)[0], kind) for kind in kinds)


def _columns(leaf: Leaf) -> float:
    return max(
        column_score(leaf, table, column)
        for table, columns in words()["columns"].items()
        for column in columns
    )


def _phone_guess(leaf: Leaf) -> Guess:
    owner = any(mark in leaf.path for mark in _OWNERS)
    spec = {
        "from": leaf.path,
        "type": "phone",
        "as": "phone",
        "link": "strong" if owner else "medium",
    }
    todo = "" if owner else "the receiver's phone may not be the buyer's"
    why = f"phones in {leaf.look.phone:.0%} of the cells" if leaf.look.filled else "by name"
    return Guess("ids", leaf.path, spec, 0.8, why, todo=todo)


def _id_guess(leaf: Leaf, kind: str, score: float) -> Guess:
    links = words()["links"].items()
    link = next((name for name, kinds in links if kind in kinds), "medium")
    spec: dict[str, object] = {"from": leaf.path, "type": kind, "link": link}
    if leaf.look.nothing:
        spec["null_if"] = list(leaf.look.nothing)
    todo = "an openid counts within one app: add namespace" if kind == "wx_openid" else ""
    return Guess(
        "ids", leaf.path, spec, 0.9 * score, f"{kind} by name; {seen(leaf.look)}", todo=todo
    )
