"""The page on tuning, run without hands, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from attribution import shipped
from attribution.publish import publish

FILES = {name: f"{name}={shipped('data', 'example', file)}"
         for name, file in (("input", "touchpoints.csv"), ("orders", "orders.csv"))}  # fmt: skip


def run(folder: Path, *settings: str):
    return publish("tuning", settings, workspace=folder, out=folder / "out", progress=False)


def test_touchpoints_with_their_orders(tmp_path: Path) -> None:
    made = run(tmp_path, *FILES.values(), "language=zh", "title=山岚", "half_life=2D")
    text = made.page.read_text(encoding="utf-8")
    assert "山岚 · 数据支持什么" in text
    verdicts = pd.read_parquet(made.folder / "verdicts.parquet").set_index("setting")["says"]
    assert len(verdicts) == 6
    assert verdicts["half_life"].split("；")[0] in text
    assert text.count("<figure>") == 1
    manifest = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["language"], manifest["interval"]) == ("zh", 0.95)


def test_path_counts_say_what_is_missing(tmp_path: Path) -> None:
    made = run(tmp_path, f"input={shipped('data', 'example', 'paths.csv')}", "language=en")
    text = made.page.read_text(encoding="utf-8")
    assert "The data settle 0 of 6 settings" in text
    assert text.count("path counts without times") >= 6
    assert "40 : 20 : 40" in text


@pytest.mark.slow
def test_the_sample_brand(tmp_path: Path) -> None:
    text = run(tmp_path).page.read_text(encoding="utf-8")
    assert "of 6 settings" in text
