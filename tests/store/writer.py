"""A process that writes small stores and is killed on the way; run with `python -m`.

`FOLDER every ACT FIRST STRIDE` kills before every STRIDE-th operation on the file system, from the
FIRST on, each time in a store of its own; `FOLDER moments ACT TIMES SEED` kills at random moments.
Both run again and print where the outcome differs, by a byte, from an undisturbed run. `FOLDER ACT`
only writes. An act is `brief`, `write`, or `work`, which forgets somebody as well.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import duckdb  # before the forks: a child should not spend its time importing
import filelock
import scipy.sparse.csgraph
from pyarrow import parquet

from attribution.store import parts, views
from attribution.store.forget import forget
from attribution.store.parts import writing
from attribution.store.store import Store
from tests.store.batches import (
    finding,
    findings,
    hash_of,
    identifier,
    link,
    order,
    rows,
    touchpoint,
)

# What reaches the disk, by name of the audit event; reading is none of it.
EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
IMPORTED = (duckdb, filelock, scipy.sparse.csgraph, views)


def write(folder, size=3, batches=2):
    """Write what is not there yet: what an ingest does with its files."""
    with writing(folder) as writer:
        for i in range(batches):
            # The last batch is read once more, with a corrected mapping.
            for revision in ("r", "s") if i == batches - 1 else ("r",):
                known = writer.marker(f"b{i}")
                if known is not None and known.revision in (revision, "s"):
                    continue
                with writer.batch(
                    f"b{i}", revision, source="shop", file=f"{i}.csv", digest="d", mapping="m"
                ) as batch:
                    fill(batch, i, revision, size)
                    batch.count(read=size)


def fill(batch, i, revision, size):
    people = [f"person {n}" for n in range(size)]
    for run in range(2):
        orders = [order(f"{i}-{run}-{n}", 100 + n, who, _row=n) for n, who in enumerate(people)]
        batch.add("orders", rows("orders", [*orders, order("again", i, _row=run)]))
    touches = [touchpoint(f"{i}-{who}", who) for who in people]
    batch.add("touchpoints", rows("touchpoints", touches))
    batch.add("identifiers", rows("identifiers", [identifier(who) for who in people]))
    batch.add("links", rows("links", [link(people[0], f"phone {i}", "medium")]))
    if revision == "r":
        batch.reject(findings([finding(9), finding(10, f"douyin|{i + 1}-0-0")]))


def brief(folder):
    """Write one batch, and write it again."""
    write(folder, size=2, batches=1)


def work(folder):
    """Write, keep the people, and forget one: everything that touches the store."""
    write(folder)
    store = Store(folder)
    store.refresh_people()
    gone = "p" + hash_of("person 0").split(".")[1]
    if gone in store.table("persons")["person_id"].tolist() or not finished(folder, gone):
        forget(store, gone)


def finished(folder, gone):
    """Whether forgetting went through: nothing of it is left to be hidden."""
    if not (folder / "suppression" / f"{gone}.json").exists():
        return False
    return forget(Store(folder), gone) == {}


def image(folder):
    """Return every file of the store but the lock, with its bytes, and without what is replaced."""
    with writing(folder):
        pass
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "lock"
    }


def kill_before(step, folder):
    """Kill this process before its step-th operation on the store's files."""
    done = [0]

    def count():
        done[0] += 1
        if done[0] == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event, arguments):
        if event in EVENTS or (event == "open" and arguments[2] & (os.O_CREAT | os.O_WRONLY)):
            where = arguments[0]
            if isinstance(where, str | bytes | os.PathLike) and os.fsencode(folder) in os.fsencode(
                where
            ):
                count()

    sys.addaudithook(audit)
    # What Arrow and the kernel do is not audited.
    for owner, name in (
        (parquet.ParquetWriter, "__init__"),
        (parquet.ParquetWriter, "write_table"),
        (parquet.ParquetWriter, "close"),
        (os, "fsync"),
    ):
        setattr(owner, name, counting(getattr(owner, name), count))


def counting(function, count):
    def counted(*arguments, **more):
        count()
        return function(*arguments, **more)

    return counted


def forked(act):
    """Run in a child and return how it ended: its exit code, or minus the signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def compare(act, folder, wanted, what):
    ended = forked(lambda: act(folder))
    if ended != 0 or image(folder) != wanted:
        got = image(folder)
        differing = sorted(name for name in {*got, *wanted} if got.get(name) != wanted.get(name))
        say(f"{what}: ended {ended}, differing {differing}")
    shutil.rmtree(folder)


def every(base, act, first, stride):
    """Kill at every stride-th step, from `first` on; print how many there were."""
    whole = base / "whole"
    assert forked(lambda: act(whole)) == 0
    wanted, step = image(whole), first
    while True:
        folder = base / f"killed {step}"

        def killed(step=step, folder=folder):
            kill_before(step, folder)
            act(folder)

        ended = forked(killed)
        if ended == 0:
            say(f"steps {step}")
            return
        if ended != -signal.SIGKILL:
            say(f"step {step} ended {ended}")
        compare(act, folder, wanted, f"step {step}")
        step += stride


def moments(base, act, times, seed):
    """Kill at random moments of a run; now and then the run that mends it, too."""
    whole = base / "whole"
    begun = time.monotonic()
    assert forked(lambda: act(whole)) == 0
    wanted, took = image(whole), time.monotonic() - begun
    chance = random.Random(seed)
    hits = 0
    for n in range(times):
        folder = base / f"killed {n}"
        for _ in range(chance.choice([1, 1, 2, 3])):
            child = os.fork()
            if child == 0:
                act(folder)
                os._exit(0)
            time.sleep(chance.random() * took)
            os.kill(child, signal.SIGKILL)
            hits += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) < 0
        compare(act, folder, wanted, f"moment {n}")
    say(f"kills {hits}")


def main(base, *words):
    base, acts = Path(base), {"brief": brief, "write": write, "work": work}
    parts.ROW_GROUP = 4
    os.fsync = lambda _: None  # killing a process loses nothing that the system has taken
    match words:
        case ["every", act, first, stride]:
            every(base, acts[act], int(first), int(stride))
        case ["moments", act, times, seed]:
            moments(base, acts[act], int(times), int(seed))
        case [act]:
            acts[act](base)


if __name__ == "__main__":
    main(*sys.argv[1:])
