"""The rules of identity once more, row by row and slowly: the twin the real thing is held to."""

from __future__ import annotations

from itertools import combinations

from tests.identity.people import DAY, at, hashed, typed

PHONES, DEVICES, ADDRESSEES = {"phone"}, {"oaid", "anon_id"}, {"addressee_key"}
CAPS = {"phone": 3, "oaid": 4, "anon_id": 4, "addressee_key": 6}


def is_phone(name):
    return typed(name.partition("/")[0])[0] in PHONES


def is_device(name):
    return typed(name.partition("/")[0])[0] in DEVICES


def digits(name):
    return hashed(name.partition("/")[0]).rpartition(".")[2]


def is_account(name):
    return typed(name.partition("/")[0])[0] not in PHONES | DEVICES | ADDRESSEES


def place(node):
    """Return the order of nodes: by hash, the later periods of phones behind all others."""
    name, _, turn = node.partition("/")
    return (bool(turn), digits(name), int(turn or 0))


def clash(nodes, splits):
    """Whether these cannot be one person."""
    bare = {node.partition("/")[0] for node in nodes}
    accounts = [node for node in bare if is_account(node)]
    if any(typed(a) == typed(b) for a, b in combinations(accounts, 2)):
        return True
    return any(set(pair) <= bare for pair in splits)


def paired(rows):
    """Return {pair: times}."""
    out = {}
    for a, b, when in rows:
        if a != b:
            out.setdefault(tuple(sorted((a, b), key=place)), []).append(when)
    return out


def credible(pairs, key=place):
    """Return pairs, the one seen over the longest time first."""
    return sorted(
        pairs,
        key=lambda pair: (
            min(pairs[pair]) - max(pairs[pair]),
            min(pairs[pair]),
            *(key(each) for each in pair),
        ),
    )


class Groups:
    def __init__(self, nodes):
        self.of = {node: frozenset([node]) for node in nodes}

    def join(self, pairs, splits):
        for a, b in pairs:
            both = self.of[a] | self.of[b]
            if not clash(both, splits):
                for node in both:
                    self.of[node] = both


def resolved(links, names, splits=(), alone=()):
    """Return the persons, as sets of names; a phone's later period is `phone:x/1`.

    `alone` are the names and days of rows without evidence of anybody else.
    """
    splits = [set(pair) for pair in splits]
    days = {name: [day for row in links if name in row[:2] for day in row[3:]] for name in names}
    for name, day in alone:
        days[name].append(day)
    own = {name: (at(min(days[name])), at(max(days[name]))) for name in names}
    links = [
        (a, b, "weak" if is_device(a) or is_device(b) else kind, at(day))
        for a, b, kind, day in links
        if a != b and {a, b} not in splits
    ]
    groups = Groups(names)
    strong = paired((a, b, t) for a, b, kind, t in links if kind == "strong")
    groups.join(credible({p: v for p, v in strong.items() if all(map(is_account, p))}), splits)

    starts = {
        name: changes(name, links, own[name], groups.of, splits) for name in names if is_phone(name)
    }

    def node(name, when):
        turn = sum(when >= start for start in starts.get(name, []))
        return f"{name}/{turn}" if turn else name

    for name, found in starts.items():
        for turn in range(1, len(found) + 1):
            groups.of[f"{name}/{turn}"] = frozenset([f"{name}/{turn}"])
    links = [(node(a, t), node(b, t), kind, t) for a, b, kind, t in links]
    hubs = {each for each in groups.of if is_hub(each, links)}
    links = [row for row in links if not {row[0], row[1]} & hubs]

    def beside(each, kinds):
        ends = [(a, b) for a, b, kind, _ in links if kind in kinds and each in (a, b)]
        return {b if a == each else a for a, b in ends}

    def is_torn(each, kinds, *own):
        if is_account(each):
            return False
        met = [groups.of[other] for other in beside(each, kinds)] + list(own)
        held = [node for group in {frozenset(group) for group in met} for node in group]
        return clash([node for node in held if node != each], splits) or clash(held, splits)

    shared = {each for each in groups.of if is_torn(each, {"strong"})}
    links = [row for row in links if row[2] == "weak" or not {row[0], row[1]} & shared]
    strong = paired((a, b, t) for a, b, kind, t in links if kind == "strong")
    groups.join(credible({p: v for p, v in strong.items() if not all(map(is_account, p))}), splits)

    torn = {
        each
        for each in groups.of
        if beside(each, {"medium"}) and is_torn(each, {"medium"}, groups.of[each])
    }
    medium = [
        (groups.of[a], groups.of[b], t)
        for a, b, kind, t in links
        if kind == "medium" and not {a, b} & torn
    ]

    def first(group):
        return min(map(place, group))

    pairs = {}
    for a, b, t in medium:
        if a != b:
            pairs.setdefault(tuple(sorted((a, b), key=first)), []).append(t)
    twice = {pair: times for pair, times in pairs.items() if max(times) - min(times) >= DAY}
    joins = [(min(a, key=place), min(b, key=place)) for a, b in credible(twice, first)]
    groups.join(joins, splits)
    nobodys = {each for each in shared | torn if groups.of[each] == {each}}
    weak = [(a, b) for row in links for a, b in (row[:2], row[1::-1]) if row[2] == "weak"]
    logins = {(a, b) for a, b in weak if is_device(a) and (is_account(b) or is_phone(b))}
    met = {a: {groups.of[other] for each, other in logins if each == a} for a, _ in logins}
    his = [
        (a, b)
        for a, b in sorted(logins, key=lambda pair: tuple(map(place, pair)))
        if len(met[a]) == 1 and not any((a, other) in logins for other in nobodys)
    ]
    groups.join(his, splits)
    return set(groups.of.values())


def is_hub(each, links):
    if is_account(each):
        return False
    met = {}
    for a, b, _, _ in links:
        if each in (a, b):
            other = b if a == each else a
            if is_account(other):
                met.setdefault(typed(other), set()).add(other)
    return max(map(len, met.values()), default=0) > CAPS[typed(each.partition("/")[0])[0]]


def changes(phone, links, own, group_of, splits):
    """Return when a phone passed to somebody else."""
    seen = sorted(
        [
            (t, b if a == phone else a, kind)
            for a, b, kind, t in links
            if phone in (a, b) and kind in ("strong", "medium")
        ]
        + [(t, "", "weak") for a, b, kind, t in links if phone in (a, b) and kind == "weak"]
        + [(t, "", "weak") for t in own]
    )
    seen = [(t, group_of[other] if other else None, kind) for t, other, kind in seen]
    stretches = []
    for i, row in enumerate(seen):
        if i == 0 or row[0] - seen[i - 1][0] > 180 * DAY:
            stretches.append([])
        stretches[-1].append(row)
    out = []
    for cut in range(1, len(stretches)):
        before = [row for each in stretches[:cut] for row in each]
        after = [row for each in stretches[cut:] for row in each]
        if {group for _, group, _ in before} & {group for _, group, _ in after} - {None}:
            continue
        gap = after[0][0] - before[-1][0]
        # Those next to each other in a claim: the last before and the first after.
        if gap > 365 * DAY or apart(stretches, cut, splits):
            out.append(after[0][0])
    return out


def apart(stretches, cut, splits):
    """Whether somebody before and somebody after cannot be one, or are each named strongly."""
    for i in range(cut):
        for j in range(cut, len(stretches)):
            for _, left, kind_left in stretches[i]:
                for _, right, kind_right in stretches[j]:
                    if left == right or None in (left, right):
                        continue
                    if kind_left == kind_right == "strong" or clash(left | right, splits):
                        return True
    return False
