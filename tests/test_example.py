"""The committed sample is what its script makes, and tells the story it was made to tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from attribution import FirstTouch, LastTouch, attribute, read_touchpoints, shipped

SAMPLE = shipped("data", "example")
FILES = ("touchpoints.csv", "orders.csv", "paths.csv")


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(SAMPLE / "make_example.py"), str(tmp_path)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_seeders_open_and_closers_close() -> None:
    journeys = read_touchpoints(SAMPLE / FILES[0], SAMPLE / FILES[1])
    first, last = (
        attribute(journeys, model).frame().set_index("channel")["share"]
        for model in (FirstTouch(), LastTouch())
    )
    for seeder in ("RED seeding notes", "Douyin creator video"):
        assert first[seeder] > 3 * last[seeder]
    for closer in ("Tmall search", "Douyin brand live", "Douyin Wanqing live"):
        assert last[closer] > 1.5 * first[closer]
