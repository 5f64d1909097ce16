"""Landing folders: whole files only, nothing lost, nothing personal."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.intake import landing
from attribution.intake.landing import append, publish

EIGHT = 1_762_862_400.0  # 2025-11-11 12:00 UTC


def at(seconds):
    return lambda: EIGHT + seconds


def shown(folder):
    return sorted(folder.glob("*.jsonl"))


def records(folder):
    return [json.loads(line) for f in shown(folder) for line in f.read_bytes().splitlines()]


def test_a_file_appears_when_its_minute_is_over_and_never_changes(tmp_path):
    append(tmp_path, [{"header": {}, "body": 1}], at(0))
    append(tmp_path, [{"header": {}, "body": 2}], at(59))
    assert shown(tmp_path) == []
    append(tmp_path, [{"header": {}, "body": 3}], at(60))
    [first] = shown(tmp_path)
    assert first.name.startswith("20251111T1200-")
    before = first.read_bytes()
    assert [json.loads(line)["body"] for line in before.splitlines()] == [1, 2]
    append(tmp_path, [{"header": {}, "body": 4}], at(61))
    publish(tmp_path, at(120))
    assert first.read_bytes() == before
    assert [r["body"] for r in records(tmp_path)] == [1, 2, 3, 4]


def test_nothing_visible_is_half_a_file_for_a_reader_of_the_folder(tmp_path):
    append(tmp_path, [{"body": 1}], at(0))
    visible = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix == ".jsonl"]
    hidden = list(tmp_path.rglob("*.part"))
    assert visible == []
    assert all(p.parent.name.startswith(".") for p in hidden)
    assert len(hidden) == 1


def test_a_clock_that_goes_back_never_touches_a_visible_file(tmp_path):
    for step, body in ((0, "a"), (60, "b"), (0, "c"), (60, "d"), (0, "e"), (120, "f")):
        append(tmp_path, [{"body": body}], at(step))
        before = {f: f.read_bytes() for f in shown(tmp_path)}
        publish(tmp_path, at(step))
        assert {f: f.read_bytes() for f in before} == before
    publish(tmp_path, at(180))
    assert sorted(r["body"] for r in records(tmp_path)) == list("abcdef")


def test_what_a_killed_worker_left_is_shown_after_five_minutes(tmp_path):
    (tmp_path / ".open").mkdir()
    left = tmp_path / ".open" / "20251111T1200-deadbeef-1.part"
    left.write_text('{"body":1}\n')
    publish(tmp_path, at(5 * 60 + 59))
    assert shown(tmp_path) == []
    publish(tmp_path, at(6 * 60))
    assert [f.name for f in shown(tmp_path)] == ["20251111T1200-deadbeef-1.jsonl"]


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / ".open").mkdir()
    for name in ("x.part", "20251111T1200-UPPER-1.part", "notes.txt"):
        (tmp_path / ".open" / name).write_text("kept")
    publish(tmp_path, at(10_000))
    assert shown(tmp_path) == []
    assert len(list((tmp_path / ".open").iterdir())) == 3


def test_publish_of_a_folder_that_is_not_there_does_nothing(tmp_path):
    publish(tmp_path / "none", at(0))
    assert not (tmp_path / "none").exists()


def test_personal_fields_never_reach_the_disk(tmp_path):
    event = {
        "msg_id": "7",
        "sec_openid": "s",
        "nickname": "林晓梅",
        "NickName": "林晓梅",
        "avatar_url": "https://a/林晓梅",
        "content": "call 13800001111",
        "deep": [{"Phone": "13800001111", "like_num": 2}],
    }
    append(tmp_path, [{"header": {"x-roomid": "1"}, "body": [event]}], at(0))
    publish(tmp_path, at(60))
    text = "".join(p.read_text("utf-8") for p in tmp_path.rglob("*") if p.is_file())
    assert "林" not in text
    assert "1380000" not in text
    assert records(tmp_path) == [
        {
            "header": {"x-roomid": "1"},
            "body": [{"msg_id": "7", "sec_openid": "s", "deep": [{"like_num": 2}]}],
        }
    ]


@given(
    st.lists(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**70), 2**70)
            | st.text(st.characters(exclude_categories=("Cs",))),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=5,
    )
)
def test_records_come_back_as_they_were_in_their_order(tmp_path_factory, bodies):
    folder = tmp_path_factory.mktemp("landing")
    append(folder, [{"body": body} for body in bodies], at(0))
    publish(folder, at(60))
    assert [r["body"] for r in records(folder)] == bodies


@pytest.mark.parametrize("body", [float("nan"), float("inf"), object(), "\ud800"])
def test_what_is_no_json_is_refused_and_nothing_is_written(tmp_path, body):
    with pytest.raises(DataError, match="no JSON"):
        append(tmp_path, [{"body": 1}, {"body": body}], at(0))
    assert list(tmp_path.rglob("*")) == []


def test_a_full_disk_leaves_what_was_there_and_says_so(tmp_path, monkeypatch):
    append(tmp_path, [{"body": 1}], at(0))
    real = landing.Path.open

    def full(self, *args, **kwargs):
        opened = real(self, *args, **kwargs)
        if args[0] != "ab":
            return opened

        class Half:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                opened.close()

            def seek(self, *a):
                return opened.seek(*a)

            def truncate(self, n):
                return opened.truncate(n)

            def write(self, data):
                if len(data) < 5:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                return opened.write(data[: len(data) // 2])

        return Half()

    with monkeypatch.context() as patch:
        patch.setattr(landing.Path, "open", full)
        with pytest.raises(DataError, match="No space left"):
            append(tmp_path, [{"body": 2}], at(1))
    append(tmp_path, [{"body": 3}], at(2))
    publish(tmp_path, at(60))
    assert [r["body"] for r in records(tmp_path)] == [1, 3]


def test_threads_lose_nothing_and_double_nothing(tmp_path):
    ticks = count()
    clock = lambda: EIGHT + 7 * next(ticks)  # noqa: E731  (a new minute every few records)

    def work(name):
        for i in range(50):
            append(tmp_path, [{"body": f"{name}-{i}"}], clock)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    publish(tmp_path, at(10**6))
    assert sorted(r["body"] for r in records(tmp_path)) == sorted(
        f"{n}-{i}" for n in range(4) for i in range(50)
    )


def test_processes_lose_nothing_and_double_nothing(tmp_path):
    program = (
        "import sys; from pathlib import Path; from attribution.intake.landing import append\n"
        "for i in range(100):\n"
        "    record = {'body': sys.argv[2] + str(i)}\n"
        f"    append(Path(sys.argv[1]), [record], lambda: {EIGHT} + 7 * i)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "ab"
    ]
    assert [process.wait() for process in running] == [0, 0]
    publish(tmp_path, at(10**6))
    assert sorted(r["body"] for r in records(tmp_path)) == sorted(
        f"{n}{i}" for n in "ab" for i in range(100)
    )
