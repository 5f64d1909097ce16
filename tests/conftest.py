"""How the property tests search, and the watch over phones in whatever the tests have written."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings

from tests.brand import planted_phones, text_of

settings.register_profile(
    "quick",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "search", settings.get_profile("quick"), derandomize=False, max_examples=1_000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


# Written by the package, wherever a test had it work: stores, reports, run folders.
_WRITTEN = re.compile(r"/(store|reports|runs)/|\.(html|ipynb)$|/manifest\.json$")


@pytest.fixture(scope="session", autouse=True)
def no_phone_is_ever_written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the tests, look for their phones in all the bytes that the package wrote."""
    yield
    phones = planted_phones()
    for file in sorted(tmp_path_factory.getbasetemp().rglob("*")):
        if not file.is_file() or not _WRITTEN.search(file.as_posix()):
            continue
        try:
            text = text_of(file)
        except (OSError, pa.ArrowException):  # damaged on purpose
            text = file.read_bytes().decode("utf-8", "replace")
        found = phones.intersection(re.findall(r"(?<!\d)1\d{10}(?!\d)", text))
        assert not found, f"{file}: {len(found)} phones"
