"""A report's tables as files, and the facts of a run for its manifest."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from attribution.model import label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from attribution.evaluate.compare import Comparison
    from attribution.model import Model
    from attribution.present.quality_sections import QualityReport
    from attribution.present.report import Report

__all__ = [
    "FACTS",
    "guarded",
    "save_facts",
    "save_frames",
    "save_quality",
    "save_run_facts",
    "save_tables",
]

FACTS = "facts.json"
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def save_tables(comparison: Comparison, folder: Path) -> None:
    """Write `credit.parquet` and `credit.csv`, and removal effects where a model has them.

    CSV is UTF-8 with BOM, so that spreadsheets read Chinese; text that a spreadsheet would run as
    a formula gets a leading apostrophe there. Parquet holds names as they are.
    """
    frames = {"credit": comparison.frame()}
    effects = [
        credit.removal_effects.reset_index().assign(model=name)
        for name, credit in comparison.credits.items()
        if credit.removal_effects is not None
    ]
    if effects:
        frames["removal_effects"] = pd.concat(effects, ignore_index=True)
    save_frames(frames, folder)


def save_frames(frames: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Write each frame as NAME.parquet and NAME.csv, the latter fit for spreadsheets."""
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        guarded(frame).to_csv(folder / f"{name}.csv", index=False, encoding="utf-8-sig")


def guarded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with text that begins like a formula made plain text."""
    out = frame.copy()
    for name in out.columns:
        if pd.api.types.is_string_dtype(out[name]) or out[name].dtype == object:
            text = out[name].astype(str)
            risky = text.str.startswith(_FORMULA_SIGNS)
            out[name] = text.where(~risky, "'" + text)
    return out


def save_facts(
    report: Report,
    models: Mapping[str, Model],
    inputs: Sequence[str | Mapping[str, str]],
    folder: Path,
) -> None:
    """Write what a manifest must say of a comparison: inputs, counts, models, seeds, notes."""
    journeys = report.journeys
    facts = {
        "language": report.words.language,
        "title": report.title,
        "inputs": list(inputs),
        "counts": {
            "rows": len(journeys),
            "journeys": journeys.journeys,
            "conversions": journeys.conversions.sum().item(),
            "nulls": journeys.nulls.sum().item(),
            "unattributed": journeys.conversions[journeys.lengths == 0].sum().item(),
            "touchpoints": len(journeys.codes),
            "channels": len(journeys.channels),
        },
        "models": {name: repr(model) for name, model in models.items()},
        "interval": report.comparison.interval,
        "models_left_out": [label(model) for model in report.left_out],
        "seed": {name: model.seed for name, model in models.items() if hasattr(model, "seed")},
        "notes": [{"kind": n.kind, "count": n.count, "detail": n.detail} for n in journeys.notes],
    }
    save_run_facts(facts, folder)


def save_quality(
    report: QualityReport, inputs: Sequence[str | Mapping[str, str]], folder: Path
) -> None:
    """Write every frame of a data-quality report as Parquet and CSV, and a manifest's facts."""
    frames = {field.name: getattr(report.quality, field.name) for field in fields(report.quality)}
    save_frames(frames, folder)
    facts = {
        "language": report.words.language,
        "title": report.brand,
        "inputs": list(inputs),
        "counts": {name: len(frame) for name, frame in frames.items()},
    }
    save_run_facts(facts, folder)


def save_run_facts(facts: Mapping[str, Any], folder: Path) -> None:
    """Write what a manifest must say of a page: language, title, inputs, counts and the like."""
    (folder / FACTS).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
