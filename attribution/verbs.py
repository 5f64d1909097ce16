"""What each verb of the command line does and prints."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from attribution.errors import ConfigError, DataError
from attribution.present.text import plain, text_table, yuan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from attribution.decide.closing import Closing
    from attribution.identity.explain import Member
    from attribution.identity.resolve import People
    from attribution.intake.ingest import FileReport, SourceReport
    from attribution.recipe import Span
    from attribution.refresh.watch import Glance
    from attribution.store.store import Store
    from attribution.workspace import Workspace

__all__ = [
    "check",
    "close",
    "explain",
    "forget",
    "ingest",
    "init",
    "map_file",
    "person",
    "refresh",
    "report",
    "tag",
    "watch",
]

_UNTAGGED = 12  # pages and days shown
_FIXED = 78  # places that the columns of names, counts and dates take, about
_LONGEST_PAUSE = 86_400.0  # seconds
_CHANNELS, _WIDEST = 20, 40  # channels shown, and the places a name may take
_CLEAR = "\x1b[H\x1b[2J"  # a terminal's screen
DONE, FAILED, WRONG_USE, QUARANTINED, LOCKED = 0, 1, 2, 3, 4


def say(text: str = "") -> None:
    """Print a text to the terminal."""
    print(text)  # noqa: T201


def _wait() -> None:
    print("Another run holds the store; waiting for it ...", file=sys.stderr)  # noqa: T201


def init(chosen: argparse.Namespace) -> int:
    """Make a workspace on the sample brand."""
    from attribution.intake.create import create_workspace

    folder = create_workspace(chosen.workspace / chosen.folder)
    say(
        f"Made {folder}: a workspace on the sample brand. Next:\n"
        f"  attribution check --workspace {folder}\n"
        f"  attribution ingest --workspace {folder}\n"
        f"  attribution report --workspace {folder}\n"
        "Then put your own exports into data/raw and name them in attribution.toml."
    )
    return DONE


def check(chosen: argparse.Namespace) -> int:
    """Read every source, keep nothing, and show what stands in the way."""
    from attribution.intake.ingest import check as read_all
    from attribution.workspace import read_workspace

    workspace = read_workspace(chosen.workspace)
    reports = read_all(workspace)
    _show(reports, workspace)
    _show_untagged(reports)
    _show_assumed(reports)
    if any(report.failed for report in reports):
        return FAILED
    quarantined = any(report.quarantined for report in reports)
    return QUARANTINED if chosen.strict and quarantined else DONE


def _show_untagged(reports: Sequence[SourceReport]) -> None:
    """List visits of the own mall that no link explains, by day and product page."""
    visits: Counter[tuple[str, str]] = Counter()
    clicked = 0
    for report in reports:
        for file in report.files:
            for (day, product, by_click), count in file.untagged:
                visits[day, product or "-"] += count
                clicked += count * by_click
    if not visits:
        return
    say(
        f"\n{visits.total():,} visits of the own mall carry no utm_source, {clicked:,} of them an "
        "ad's click id. Make tagged links for the others with `attribution tag`."
    )
    ordered = sorted(visits.items(), key=lambda item: (-item[1], item[0]))
    rows = [[day, product, count] for (day, product), count in ordered[:_UNTAGGED]]
    say(text_table(["day", "product page", "visits"], rows))
    rest = ordered[_UNTAGGED:]
    if rest:
        more = sum(count for _, count in rest)
        say(f"and {more:,} more on {len(rest):,} other pages and days")


def _show_assumed(reports: Sequence[SourceReport]) -> None:
    """Show what the mappings take from general knowledge, fields with one reason together."""
    lines = []
    for report in reports:
        fields: dict[str, list[str]] = {}
        for field, why in report.assumed:
            fields.setdefault(why, []).append(field)
        for why, names in fields.items():
            lines.append([report.source, why, ", ".join(dict.fromkeys(names))])
    if lines:
        say("\nTaken for granted by the mappings; compare with your own data, and override them in")
        say("mappings/ of the workspace where they do not hold:")
        say(text_table(["source", "taken for granted", "for"], lines, wrap={1: 50, 2: 70}))


def ingest(chosen: argparse.Namespace) -> int:
    """Bring what is new into the store."""
    from attribution.intake.ingest import ingest as bring
    from attribution.store.parts import read_markers
    from attribution.workspace import read_workspace

    workspace = read_workspace(chosen.workspace)
    reports = bring(
        workspace,
        retry=chosen.retry,
        waiting=_wait,
    )
    _show(reports, workspace)
    files = [file for report in reports for file in report.files]
    fresh = [file for file in files if file.fresh and not file.problem]
    say(
        f"\nRead {len(fresh):,} new or changed files, {sum(f.read for f in fresh):,} rows; "
        f"{sum(not f.fresh for f in files):,} files were known."
    )
    named = {source.name for source in workspace.sources}
    aside = [marker for marker in read_markers(workspace.store) if marker.source not in named]
    if aside:
        say(
            f"{len(aside):,} files of sources that attribution.toml no longer names are kept and "
            f"not shown: {', '.join(sorted({plain(marker.source) for marker in aside}))}."
        )
    quarantined = sum(report.quarantined for report in reports)
    if quarantined:
        say(
            f"{quarantined:,} rows wait in quarantine: attribution.open_store(...)"
            '.table("quarantine") lists them. Mend the files or the mapping, then run '
            "`attribution ingest --retry`."
        )
    return FAILED if any(report.failed for report in reports) else DONE


def _show(reports: Sequence[SourceReport], workspace: Workspace) -> None:
    if not reports:
        say("attribution.toml names no source yet. Add a [[source]] with its name, mapping, files.")
        return
    zone = ZoneInfo(workspace.timezone)
    header = ["source", "rows read", "accepted", "quarantined", "dates", "problems", "next step"]
    rest = (shutil.get_terminal_size((160, 24)).columns - _FIXED) // 2
    wrap = dict.fromkeys((5, 6), max(20, min(60, rest)))
    say(text_table(header, [_row(report, zone) for report in reports], wrap=wrap))
    excluded: Counter[tuple[str, str]] = Counter()
    for report in reports:
        for file in report.files:
            for why, rows in file.excluded:
                excluded[report.source, why] += rows
    if excluded:
        say("\nRows a rule of the mapping makes nothing of:")
        for (source, why), rows in sorted(excluded.items()):
            say(f"  {plain(source)}: {rows:,} rows, {plain(why)}")
    ignored = [file for report in reports for file in report.ignored]
    if ignored:
        say("\nNot read, for their endings (save .xls as .xlsx, and unpack archives):")
        for name in ignored:
            say(f"  {plain(name)}")
    broken = [file for report in reports for file in report.files if file.problem]
    if broken:
        say("\nFiles that could not be read:")
        for file in broken:
            say(f"  {plain(file.file)}: found {plain(file.problem or '')}. {file.remedy}")


def _row(report: SourceReport, zone: ZoneInfo) -> list[object]:
    problem, step = _problem(report)
    return [
        report.source,
        sum(file.read for file in report.files),
        sum(file.accepted for file in report.files),
        report.quarantined,
        _dates(report.files, zone),
        problem,
        step,
    ]


def _problem(report: SourceReport) -> tuple[str, str]:
    """Return the gravest problem of a source and what to do about it."""
    if report.problem is not None:
        return report.problem, report.remedy or "-"
    broken = [file for file in report.files if file.problem]
    if broken:
        return f"{len(broken)} unreadable: {broken[0].file}", broken[0].remedy or "-"
    reasons: Counter[tuple[str, str]] = Counter()
    for file in report.files:
        for reason, remedy, rows in file.reasons:
            reasons[reason, remedy] += rows
    if not reasons:
        return "-", "-"
    ((reason, remedy), rows), *others = reasons.most_common()
    more = f" (and {len(others)} more kinds)" if others else ""
    return f"{rows:,} x {reason}{more}", remedy


def _dates(files: Sequence[FileReport], zone: ZoneInfo) -> str:
    first = [file.first_at for file in files if file.first_at is not None]
    last = [file.last_at for file in files if file.last_at is not None]
    if not first or not last:
        return "-"
    return " to ".join(dict.fromkeys(_day(ms, zone) for ms in (min(first), max(last))))


def map_file(chosen: argparse.Namespace) -> int:
    """Propose a mapping for an unknown file, or list the mappings there are."""
    from attribution.mapping.mapping_file import mapping_names
    from attribution.proposal.propose import propose

    if chosen.file is None:
        say(text_table(["mapping", "reads"], mapping_names(chosen.workspace / "mappings")))
        return DONE

    proposal = propose(chosen.workspace / chosen.file)
    say(proposal.text())
    if chosen.out is None:
        say("\n" + proposal.toml())
        say("# Save it as mappings/NAME.toml of the workspace (or use --out), confirm each line.")
        return DONE
    out = _out(chosen, ".toml")
    if out.exists():
        raise ConfigError(f"{chosen.out} is there already. Name another file with --out.")
    out.write_text(proposal.toml(), encoding="utf-8")
    say(f"\nWrote {chosen.out}. Confirm each line, then name it as `mapping` of a [[source]].")
    return DONE


def _out(chosen: argparse.Namespace, ending: str) -> Path:
    """Return the file to write, which has the ending of its kind and a folder to stand in."""
    out: Path = chosen.workspace / chosen.out
    if out.suffix != ending or out.is_dir() or not os.access(out.parent, os.W_OK):
        raise ConfigError(
            f"--out {chosen.out}: found no file that can be written there; expected a name with "
            f"the ending {ending} in a folder that exists and is yours. Name another file."
        )
    return out


def _write_parquet(frame: pd.DataFrame, out: Path) -> None:
    """Write a table that is there as a whole or as it was before."""
    from attribution.store.parts import store_errors

    part = out.with_name(f".{out.name}.part")
    with store_errors(out):
        try:
            frame.to_parquet(part, index=False)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)


def person(chosen: argparse.Namespace) -> int:
    """Show why these identifiers are one person."""
    from attribution.identity.explain import explain
    from attribution.identity.rules import REASONS

    workspace, store, asked, people = _asked(chosen)
    links = store.query('SELECT a, b, kind, "at" FROM latest_links')
    found = explain(people, links, asked, rules=workspace.rules)
    zone = ZoneInfo(workspace.timezone)
    status = f"{found.status}: {REASONS[found.reason]}" if found.reason else found.status
    say(f"{found.person_id} ({status}), {len(found.members)} identifiers\n")
    header = ["identifier", "kind", "within", "first seen", "last seen", "until", "joined by"]
    rows = [
        [
            member.id_hash,
            member.id_type,
            member.namespace or "-",
            *(_day(ms, zone) for ms in (member.first_seen, member.last_seen, member.valid_to)),
            _joined(member, zone),
        ]
        for member in found.members
    ]
    say(text_table(header, rows))
    if found.refused:
        say("\nEvidence that joins nobody:")
        for refusal in found.refused:
            evidence = refusal.evidence
            say(
                f"  {evidence.a} with {evidence.b} of {refusal.person_id}: {evidence.kind}, "
                f"{evidence.times} times, last {_day(evidence.last_at, zone)}: "
                f"{REASONS[refusal.reason]}"
            )
    for candidate in found.candidates:
        say(f"\nTo be reviewed: may be {candidate.person_id} ({REASONS[candidate.reason]})")
    say(
        "\nTo part two identifiers for good, add them to attribution.toml: "
        '[identity] split = [["...", "..."]].'
    )
    return DONE


def _joined(member: Member, zone: ZoneInfo) -> str:
    """Return the last step of the evidence behind one identifier, in a line."""
    if not member.chain:
        return "the oldest"
    step = member.chain[-1]
    other = step.b if step.a == member.id_hash else step.a
    dates = sorted({_day(step.first_at, zone), _day(step.last_at, zone)})
    return f"{step.kind} evidence with {other}, {step.times} times, {' to '.join(dates)}"


def _day(ms: int | None, zone: ZoneInfo) -> str:
    return "-" if ms is None else str(datetime.fromtimestamp(ms / 1000, zone).date())


def _asked(chosen: argparse.Namespace) -> tuple[Workspace, Store, str, People]:
    from attribution.intake.lookup import hash_of
    from attribution.store.store import open_store
    from attribution.workspace import read_workspace

    workspace = read_workspace(chosen.workspace)
    store = open_store(workspace)
    people = store.people()
    return workspace, store, hash_of(workspace, people, chosen.id, os.environ), people


def forget(chosen: argparse.Namespace) -> int:
    """Erase a person; facts of orders stay."""
    from attribution.identity.explain import explain
    from attribution.refresh.refresh import forget_kept
    from attribution.store.forget import finish_forgetting
    from attribution.store.forget import forget as erase
    from attribution.store.store import open_store
    from attribution.workspace import read_workspace

    finish_forgetting(open_store(read_workspace(chosen.workspace)), _wait)
    workspace, store, asked, people = _asked(chosen)
    links = store.query('SELECT a, b, kind, "at" FROM latest_links')
    person_id = explain(people, links, asked, rules=workspace.rules).person_id
    changed = erase(store, person_id, waiting=_wait)
    forget_kept(workspace, _wait)
    say(f"Forgot {person_id}; importing the same files again does not bring the person back.")
    if changed:
        say(text_table(["table", "rows changed or removed"], sorted(map(list, changed.items()))))
    say("The exports the rows came from still hold the person: delete or shorten them as well.")
    return DONE


def tag(chosen: argparse.Namespace) -> int:
    """Make tagged links from a table of placements."""
    import pyarrow as pa

    from attribution.intake.tag import tag_links, write_links
    from attribution.sources.files import open_source

    rows = [batch.table for batch in open_source(chosen.workspace / chosen.file)]
    try:
        links = tag_links(pa.concat_tables(rows), chosen.url)
    except DataError as error:
        raise error.at(str(chosen.file)) from None
    if chosen.out is None:
        for link in links.column("link").to_pylist():
            say(link)
        return DONE
    write_links(links, _out(chosen, ".csv"))
    say(f"Wrote {links.num_rows:,} tagged links to {chosen.out}.")
    return DONE


def explain(chosen: argparse.Namespace) -> int:
    """Print the steps from the store to journeys: name, why, SQL."""
    from attribution.assemble.printed import one_step, step_texts
    from attribution.workspace import read_workspace

    workspace = read_workspace(chosen.workspace)
    if chosen.name is not None:
        say(one_step(workspace, chosen.name))
        return DONE
    say("\n".join(step_texts(workspace, store=chosen.store)))
    return DONE


def refresh(chosen: argparse.Namespace) -> int:
    """Bring the credit of all orders up to date, and show or write it."""
    from attribution.refresh.refresh import refresh as renew
    from attribution.workspace import read_workspace

    workspace = read_workspace(chosen.workspace)
    out = None if chosen.out is None else _out(chosen, ".parquet")
    if out is not None and workspace.store.resolve() in out.resolve().parents:
        raise ConfigError(f"--out {chosen.out}: the store keeps its own files. Name another place.")
    found = renew(workspace, full=chosen.full, waiting=_wait)
    frame = found.frame()
    if out is not None:
        _write_parquet(frame, out)
    table = frame.pivot_table("conversions", "channel", "model", sort=False)
    table = table.loc[table.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    rows = [[name, *(f"{each:,.1f}" for each in row)] for name, *row in table.itertuples(name=None)]
    header = ["orders credited to", *(name.partition("(")[0] for name in table.columns)]
    say(text_table(header, rows[:_CHANNELS], wrap={0: _WIDEST}))
    if len(rows) > _CHANNELS:
        say(f"and {len(rows) - _CHANNELS:,} more channels")
    say()
    came, gone = found.batches
    if found.full:
        say(f"Read everything ({found.rows:,} rows): {found.why}.")
    elif came or gone or found.people:
        say(
            f"Read {came:,} new or changed files ({found.rows:,} rows), left out {gone:,}; the "
            f"journeys of {found.people:,} people are other than before."
        )
    else:
        say("Nothing has changed since the last time.")
    if out is not None:
        say(f"Wrote {chosen.out}.")
    return DONE


def watch(chosen: argparse.Namespace) -> int:
    """Ingest and refresh over and over, and show whom today's orders are credited to."""
    from attribution.models.heuristic import LastTouch, Linear
    from attribution.models.markov import Markov
    from attribution.refresh.watch import watch as look
    from attribution.workspace import read_workspace

    if not 0 <= chosen.every <= _LONGEST_PAUSE:
        raise ConfigError(
            f"--every {chosen.every:g}: write the seconds between two rounds, up to a day."
        )
    workspace = read_workspace(chosen.workspace)
    models = (LastTouch(), Linear(), Markov())
    live = sys.stdout.isatty() and not chosen.once
    try:
        for glance in look(workspace, every=chosen.every, shown=models, waiting=_wait):
            say((_CLEAR if live else "") + "\n".join(_glance(glance)))
            sys.stdout.flush()
            if chosen.once:
                break
    except KeyboardInterrupt:
        say()
    return DONE


def _glance(glance: Glance) -> list[str]:
    """Return a glance as lines: day, orders, freshness, and a table of credit."""
    age = "no row yet" if glance.age is None else f"newest row {_ago(glance.age)} ago"
    day = "no order yet" if glance.day is None else f"{glance.day}: {glance.orders:,.0f} orders"
    took = f"{glance.rows:,} rows read, {glance.seconds:.1f} s"
    header = [name.partition("(")[0] for name in glance.credit.columns]
    header[0], header[-1] = "credited to", f"yuan ({header[-2]})"
    rows = [
        [name, *(f"{each:,.1f}" for each in row[:-1]), f"{row[-1] / 100:,.0f}"]
        for name, *row in glance.credit.head(_CHANNELS).itertuples(index=False, name=None)
    ]
    lines = [f"{day}, {age}; {took}", "", text_table(header, rows, wrap={0: _WIDEST})]
    return lines + [f"Cannot be read: {plain(problem)}" for problem in glance.problems]


def _ago(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:,.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def close(chosen: argparse.Namespace) -> int:
    """Close the books of a period, or list what is closed and what has changed since."""
    from attribution.decide.closing import changed_since, closings
    from attribution.decide.closing import close as close_books
    from attribution.models.named import default_models, model_from_text
    from attribution.workspace import read_workspace

    workspace = read_workspace(chosen.workspace)
    if chosen.period is not None:
        models = [model_from_text(text) for text in workspace.ledger.models] or default_models()
        done = close_books(workspace, chosen.period, models, waiting=_wait)
        restating = done.facts["restated"]
        say(f"Closed {done.name}: {done.days.since} to {done.days.until}, in data/closings.")
        say(text_table(_CLOSED, [_closed(done)]))
        if restating:
            say(f"Beside its own, {restating:,} orders of periods closed earlier are restated.")
        return DONE
    earlier = closings(workspace)
    if not earlier:
        say("Nothing is closed yet. `attribution close 2026-10` closes a month that is over.")
        return DONE
    say(text_table(_CLOSED, [_closed(each) for each in earlier]))
    changed = changed_since(workspace, earlier)
    if changed.orders.empty:
        say("\nNothing of it has changed since.")
        return DONE
    say("\nChanged since; the next closing restates it:")
    by = changed.orders.groupby(["closing", "why"], sort=True)
    sums = by.agg({"order_id": "size", "gross_change_fen": "sum", "net_change_fen": "sum"})
    rows = [
        [closing, why, f"{n:,}", yuan(gross), yuan(net)]
        for (closing, why), n, gross, net in sums.itertuples(name=None)
    ]
    say(text_table(["closed as", "why", "orders", "gross yuan", "net yuan"], rows))
    return DONE


_CLOSED = ["closed as", "from", "to", "orders", "gross yuan", "net yuan", "restated", "yuan"]


def _closed(closing: Closing) -> list[object]:
    facts = closing.facts
    return [
        closing.name,
        closing.days.since,
        closing.days.until,
        f"{facts['orders']:,}",
        yuan(facts["gross_fen"]),
        yuan(facts["net_fen"]),
        f"{facts['restated']:,}",
        yuan(facts["restated_net_fen"]),
    ]


def report(chosen: argparse.Namespace) -> int:
    """Publish the site, or one page of it."""
    from attribution import publish
    from attribution.recipe import Span

    if chosen.list:
        say("\n".join(publish.report_names(chosen.workspace)))
        return DONE
    span = Span(chosen.since, chosen.until, chosen.period)
    if chosen.name is None:
        return _site(chosen, span)
    if chosen.parameters:
        _show_parameters(chosen)
        return DONE
    if "D" in span.period:
        raise ConfigError(
            f"--period {span.period}: of one page, write --since and --until, or a month."
        )
    days = zip(("since", "until"), span.days(None), strict=True)
    done = publish.publish(
        chosen.name,
        [*chosen.settings, *(f"{name}={day}" for name, day in days if day)],
        workspace=chosen.workspace,
        out=chosen.out,
        progress=not chosen.quiet,
    )
    say(f"Report: {done.page}\nTables and manifest: {done.folder}")
    return DONE


def _site(chosen: argparse.Namespace, span: Span) -> int:
    from attribution import publish

    if chosen.parameters:
        raise ConfigError("--parameters: name one page. `attribution report --list` lists them.")
    done = publish.publish_site(
        chosen.settings,
        workspace=chosen.workspace,
        span=span,
        out=chosen.out,
        said=(lambda _: None) if chosen.quiet else _progress,
    )
    say(f"Report: {done.index}\nEvery run: {done.runs}\nTook {done.seconds:.1f} s")
    return DONE


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _show_parameters(chosen: argparse.Namespace) -> None:
    from attribution import publish
    from attribution.notebooks import parameters_of

    for p in parameters_of(publish.find_notebook(chosen.name, chosen.workspace)):
        kind = " | ".join(p.choices) if p.choices else p.kind
        say(f"{p.name:<16} {kind:<12} {p.default!r:<28} {p.help}")
