"""The sample brand's workspace, watched while a live room runs."""

from __future__ import annotations

import json
import random
from pathlib import Path
from tempfile import TemporaryDirectory

ROOM = Path("data/raw/douyin/live_events")
KINDS = ("live_enter_room", "live_comment", "live_like", "live_follow")


def live_room(events: str) -> dict[str, float]:
    """Seconds from a file with so many new events to the credit they change, in a live process."""
    from attribution import LastTouch, Linear, Markov
    from attribution.intake.create import create_workspace
    from attribution.refresh.watch import watch
    from attribution.workspace import read_workspace

    # What the second round loads is loaded once in an evening; the third is measured.
    files = iter([(10, "first"), (int(events), "then")])
    with TemporaryDirectory() as folder:
        root = create_workspace(Path(folder) / "brand")
        rounds = watch(
            read_workspace(root),
            every=0.0,
            shown=(LastTouch(), Linear(), Markov()),
            sleep=lambda _: _push(root, *next(files)),
        )
        *_, last = (next(rounds) for _ in range(3))
        assert last.rows >= int(events), last
        return {"wall": last.seconds}


def _push(root: Path, events: int, name: str) -> None:
    """Write a file of new events in the last room, half of them of people seen in it before."""
    folder = root / ROOM
    last = sorted(folder.glob("*.jsonl"))[-1]
    before = [json.loads(line) for line in last.read_text(encoding="utf-8").splitlines()]
    at = max(int(each["body"][0]["timestamp"]) for each in before)
    known = sorted({each["body"][0]["sec_openid"] for each in before})
    rng = random.Random(events)
    lines = []
    for nth in range(events):
        person = rng.choice(known) if nth % 2 else f"_000{rng.getrandbits(56):014x}"
        told = {"msg_id": f"{name}-{nth}", "sec_openid": person, "timestamp": at + 100 * nth}
        head = before[-1]["header"] | {
            "x-msg-type": rng.choice(KINDS),
            "x-timestamp": str(at + 100 * nth + 800),
        }
        lines.append(json.dumps({"header": head, "body": [told]}))
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
