"""The receiver of pushes, as a real server on the loopback."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import threading
from contextlib import contextmanager

import pytest

from attribution.errors import ConfigError
from attribution.intake import landing
from attribution.intake.receiver import Receiver, signature

SECRET = "a secret of the tests"
EVENT = {"msg_id": "9007199254740993", "sec_openid": "s1", "nickname": "林晓梅", "like_num": 3}


def signed(body, **changed):
    """Sign as the platform describes it, written anew here."""
    headers = {
        "x-roomid": "268",
        "x-msg-type": "live_like",
        "x-timestamp": "1762862400000",
        "x-nonce-str": "n0nce",
    }
    joined = "&".join(f"{k}={headers[k]}" for k in sorted(headers))
    digest = hashlib.md5(joined.encode() + body + SECRET.encode()).digest()
    return {
        **headers,
        "x-signature": base64.b64encode(digest).decode(),
        "content-type": "application/json",
        **changed,
    }


@contextmanager
def running(folder):
    with Receiver(("127.0.0.1", 0), folder, SECRET) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address
        finally:
            server.shutdown()
            thread.join()


def post(address, body, headers):
    connection = http.client.HTTPConnection(*address, timeout=20)
    try:
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def landed(folder):
    return [
        json.loads(line)
        for file in sorted(folder.rglob("*-*"))
        for line in file.read_bytes().splitlines()
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("live_gift", b"PDcKhdlsrKEJif6uMKD2dw=="), ("user_group", b"GAkalGmhzqlUGQO/TgvMug==")],
)
def test_the_signature_is_that_of_the_platforms_own_examples(kind, expected):
    headers = {
        "x-nonce-str": "123456",
        "x-timestamp": "456789",
        "x-roomid": "268",
        "x-msg-type": kind,
        "content-type": "application/json",
    }
    assert signature(headers, "abc123你好".encode(), "123abc") == expected


def test_a_signed_push_lands_without_what_is_personal(tmp_path):
    body = json.dumps([EVENT], ensure_ascii=False).encode()
    with running(tmp_path) as address:
        assert post(address, body, signed(body)) == 200
    assert landed(tmp_path) == [
        {
            "header": {
                "x-msg-type": "live_like",
                "x-roomid": "268",
                "x-timestamp": "1762862400000",
            },
            "body": [{"msg_id": "9007199254740993", "sec_openid": "s1", "like_num": 3}],
        }
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"x-signature": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"x-signature": ""},
        {"x-signature": "\xff\xfe"},
        {"x-roomid": "269"},
        {"x-msg-type": "live_gift"},
        {"x-timestamp": "1"},
        {"x-nonce-str": ""},
    ],
)
def test_a_wrong_signature_is_answered_with_401_and_lands_nothing(tmp_path, changed):
    body = json.dumps([EVENT]).encode()
    with running(tmp_path) as address:
        assert post(address, body, signed(body, **changed)) == 401
        assert post(address, body + b" ", signed(body)) == 401
    assert list(tmp_path.rglob("*")) == []


def test_a_body_above_one_megabyte_is_refused_before_it_is_read(tmp_path):
    with running(tmp_path) as address:
        for length in (b"1000001", b"9" * 5000):
            with socket.create_connection(address) as wire:
                wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length)
                wire.sendall(b"\r\n\r\n")
                assert b" 413 " in wire.recv(100)
    assert list(tmp_path.rglob("*")) == []


def test_a_body_of_just_one_megabyte_lands(tmp_path):
    body = b'["' + b"x" * (1_000_000 - 4) + b'"]'
    with running(tmp_path) as address:
        assert post(address, body, signed(body)) == 200
    assert len(landed(tmp_path)[0]["body"][0]) == 1_000_000 - 4


@pytest.mark.parametrize("length", [None, b"-5", b"abc", b""])
def test_a_body_of_unknown_length_is_refused(tmp_path, length):
    line = b"" if length is None else b"Content-Length: " + length + b"\r\n"
    with running(tmp_path) as address, socket.create_connection(address) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n")
        assert b" 411 " in wire.recv(100)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"", b"[" * 200_000])
def test_a_signed_body_that_is_no_json_is_answered_with_400(tmp_path, body):
    with running(tmp_path) as address:
        assert post(address, body, signed(body)) == 400
    assert list(tmp_path.rglob("*")) == []


def test_only_post_is_answered(tmp_path):
    with running(tmp_path) as address:
        connection = http.client.HTTPConnection(*address, timeout=20)
        connection.request("GET", "/../../etc/passwd")
        assert connection.getresponse().status == 501
        connection.close()


def test_a_disk_that_takes_nothing_is_answered_with_500(tmp_path):
    (tmp_path / "landing").write_text("a file where the folder should be")
    body = json.dumps([EVENT]).encode()
    with running(tmp_path / "landing") as address:
        assert post(address, body, signed(body)) == 500


def test_the_last_minute_is_shown_when_nothing_is_pushed_any_more(tmp_path):
    landing.append(tmp_path, [{"body": 1}], lambda: 1_762_862_400.0)
    with running(tmp_path):
        for _ in range(500):
            if list(tmp_path.glob("*.jsonl")):
                break
            threading.Event().wait(0.01)
    assert [json.loads(p.read_bytes()) for p in tmp_path.glob("*.jsonl")] == [{"body": 1}]


def test_nothing_is_logged(tmp_path, capfd):
    body = json.dumps([EVENT]).encode()
    with running(tmp_path) as address:
        post(address, body, signed(body))
        post(address, body, signed(body, **{"x-roomid": "13800001111"}))
    assert capfd.readouterr() == ("", "")


def test_without_a_secret_it_does_not_start(tmp_path):
    with pytest.raises(ConfigError, match="DOUYIN_PUSH_SECRET"):
        Receiver(("127.0.0.1", 0), tmp_path, "")
