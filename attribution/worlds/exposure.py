"""Who lives in a world, and what touches them: everything that happens whatever they order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.columns import duration_ms
from attribution.worlds.chance import scatter, stream
from attribution.worlds.rhythm import demand_rhythm, exposure_rhythms, session_times
from attribution.worlds.spans import Spans, key, points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.rhythm import Rhythm
    from attribution.worlds.settings import WorldSettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

__all__ = ["Demand", "Exposure", "People", "Touches", "expose"]


class People(NamedTuple):
    """Of n people: whether their intent is high, whether it is seen to be, how active they are."""

    high: Bools
    seen_high: Bools
    activity: Floats


class Touches(NamedTuple):
    """T touchpoints, by person and time.

    Attributes
    ----------
    person, at, channel
        (T,) whose, when (milliseconds from the beginning of the world), of which channel.
    ancestry
        (T,) bits of the channels without which it would not have happened, its own included.
    """

    person: Ints
    at: Ints
    channel: Ints
    ancestry: Ints

    def needing(self, channel: int) -> Bools:
        """Return (T,) whether a touchpoint would not have happened without a channel."""
        return np.asarray((self.ancestry >> channel) & 1, dtype=bool)


class Demand(NamedTuple):
    """Organic orders: spans of people's time, and the rhythm within them."""

    spans: Spans
    rhythm: Rhythm


@dataclass(frozen=True, eq=False)
class Exposure:
    """What happens to people whatever they order.

    Attributes
    ----------
    people, touches, demand
        Who they are, what touches them, and what they order of their own accord.
    known_by
        (T,) the id by which a touchpoint's person was known: his own, from 0 to n - 1, or that of
        his second id, from n on.
    second_ids
        (k,) the person of each second id.
    """

    people: People
    touches: Touches
    demand: Demand
    known_by: Ints
    second_ids: Ints


def expose(settings: WorldSettings, people: int, seed: int) -> Exposure:
    """Return the people of a world and their touchpoints."""
    who = _people(settings, people, stream(seed, "people"))
    episodes = _episodes(settings, people, stream(seed, "episodes"))
    touches = _by_time(_visits(settings, who, episodes, seed))
    of_split = stream(seed, "split").random(people) < settings.split_people
    second_ids = np.flatnonzero(of_split)
    second = people + np.cumsum(of_split) - 1
    elsewhere = stream(seed, "ids").random(len(touches.at)) < settings.split_touchpoints
    hidden = of_split[touches.person] & elsewhere
    return Exposure(
        people=who,
        touches=touches,
        demand=_demand(settings, who, episodes),
        known_by=np.where(hidden, second[touches.person], touches.person),
        second_ids=second_ids,
    )


def _people(settings: WorldSettings, people: int, rng: np.random.Generator) -> People:
    intent = settings.intent
    high = rng.random(people) < intent.share
    seen = rng.random(people) < np.where(high, intent.sensitivity, 1 - intent.specificity)
    spread = settings.activity_spread**2
    activity = rng.gamma(1 / spread, spread, people) if spread > 0 else np.ones(people)
    return People(high, seen, activity)


def _episodes(settings: WorldSettings, people: int, rng: np.random.Generator) -> Spans:
    """Return the short episodes of intent, at ordinary rates."""
    bursts, none = settings.bursts, np.zeros(0, np.int64)
    if bursts is None:
        return Spans(none, none, none, np.zeros(0))
    person = scatter(rng, np.full(people, bursts.per_person))
    start = rng.integers(0, settings.span, len(person))
    end = np.minimum(start + duration_ms(bursts.length, "length"), settings.span)
    return Spans(person, start, end, np.ones(len(person)))


def _demand(settings: WorldSettings, people: People, episodes: Spans) -> Demand:
    """Return organic orders: everybody's usual ones, and the surplus of episodes."""
    usual = settings.organic * np.where(people.high, settings.intent.demand, 1.0)
    surplus = settings.bursts.demand - 1 if settings.bursts else 0.0
    return Demand(_lives(settings, usual, episodes, surplus), demand_rhythm(settings))


def _lives(settings: WorldSettings, usual: Floats, episodes: Spans, surplus: float) -> Spans:
    """Return each person's whole time at his usual rate, and more of it in his episodes."""
    whole = Spans(
        np.arange(len(usual)),
        np.zeros(len(usual), np.int64),
        np.full(len(usual), settings.span),
        usual,
    )
    if surplus == 0:
        return whole
    more = episodes._replace(factor=usual[episodes.person] * surplus)
    return Spans(*(np.concatenate(parts) for parts in zip(whole, more, strict=True)))


def _visits(settings: WorldSettings, people: People, episodes: Spans, seed: int) -> list[Touches]:
    """Return touchpoints in any order: of the channels themselves, and what those bring."""
    rhythms = exposure_rhythms(settings)
    found = []
    for code, channel in enumerate(settings.channels):
        rng = stream(seed, "touchpoints", code)
        usual = channel.popularity * people.activity
        if channel.name in settings.intent.channels:
            usual = usual * np.where(people.high, settings.intent.exposure, 1.0)
        bursts = settings.bursts
        surplus = bursts.exposure - 1 if bursts and channel.name in bursts.channels else 0.0
        spans = _lives(settings, usual, episodes, surplus)
        cells = scatter(rng, spans.means(rhythms[code]))
        at = points(rng, cells, spans, rhythms[code])
        same = np.full(len(at), code)
        found.append(Touches(spans.person[cells], at, same, np.int64(1) << same))
    generation, parents = 0, found
    while parents:
        generation += 1
        parents = [
            children
            for code in range(len(settings.channels))
            if len((children := _brought(settings, parents, code, seed, generation)).at)
        ]
        found += parents
    return found


def _brought(
    settings: WorldSettings, parents: list[Touches], code: int, seed: int, generation: int
) -> Touches:
    """Return the touchpoints of one channel that others bring: seeded, or by retargeting."""
    rng = stream(seed, "brought", code, generation)
    before = Touches(*(np.concatenate(parts) for parts in zip(*parents, strict=True)))
    at_name = {name: place for place, name in enumerate(settings.names)}
    name = settings.names[code]
    parent, at = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for seeds in settings.seeding:
        if seeds.target == name:
            rows = scatter(
                rng, seeds.visits * (before.channel == at_name[seeds.source]).astype(float)
            )
            wait = rng.exponential(duration_ms(seeds.delay, "delay"), len(rows))
            parent.append(rows)
            at.append(before.at[rows] + wait.astype(np.int64))
    for each in settings.retargeting:
        if each.channel == name:
            sources = [at_name[source] for source in settings.followed(each)]
            rows = scatter(rng, each.visits * np.isin(before.channel, sources).astype(float))
            wait = rng.random(len(rows)) * duration_ms(each.within, "within")
            parent.append(rows)
            at.append(before.at[rows] + wait.astype(np.int64))
    of, when = np.concatenate(parent), np.concatenate(at)
    when = _on_the_air(settings, code, when, rng)
    of, when = of[when < settings.span], when[when < settings.span]
    return Touches(
        before.person[of],
        when,
        np.full(len(of), code),
        before.ancestry[of] | (np.int64(1) << code),
    )


def _on_the_air(settings: WorldSettings, code: int, at: Ints, rng: np.random.Generator) -> Ints:
    """Move visits of a live channel that find it off the air into its next session."""
    sessions = settings.channels[code].sessions
    if sessions is None:
        return at
    starts, ends = session_times(sessions, settings.span)
    upcoming = np.searchsorted(ends, at, side="right")
    starts, ends = np.append(starts, settings.span), np.append(ends, settings.span + 1)
    begin, end = starts[upcoming], ends[upcoming]
    inside = begin + (rng.random(len(at)) * (end - begin)).astype(np.int64)
    return np.where(at >= begin, at, inside)


def _by_time(parts: list[Touches]) -> Touches:
    touches = Touches(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    order = np.argsort(key(touches.person, touches.at), kind="stable")
    return Touches(*(column[order] for column in touches))
