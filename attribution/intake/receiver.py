"""A small receiver of Douyin's live pushes: checks the signature, lands the events.

Start it with `python -m attribution.intake.receiver landing/douyin`. See docs/landing.md.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import AttributionError, ConfigError
from attribution.intake.landing import append, publish

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Receiver", "signature"]

_SECRET = "DOUYIN_PUSH_SECRET"  # noqa: S105  (a variable's name)
_LARGEST = 1_000_000
_SIGNED = ("x-msg-type", "x-nonce-str", "x-roomid", "x-timestamp")  # in alphabetical order
_KEPT = ("x-msg-type", "x-roomid", "x-timestamp")


def signature(headers: Mapping[str, str], body: bytes, secret: str) -> bytes:
    """Return what the platform writes into `x-signature`: base64 of an MD5.

    The MD5 is of the four signed headers as `key=value`, sorted and joined by `&`, then the body,
    then the secret. MD5 is the platform's choice: use HTTPS, so that nobody else sees a push.
    """
    head = "&".join(f"{key}={headers.get(key, '')}" for key in _SIGNED)
    signed = head.encode("latin-1", "replace") + body + secret.encode()
    return base64.b64encode(hashlib.md5(signed).digest())  # noqa: S324


class Receiver(ThreadingHTTPServer):
    """A server that lands every push whose signature is right.

    Parameters
    ----------
    address
        Host and port to listen on.
    folder
        The landing folder.
    secret
        What the platform signs with.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], folder: Path, secret: str) -> None:
        if not secret:
            raise ConfigError(
                f"{_SECRET}: found nothing; expected the secret of the platform's push settings. "
                "Set this environment variable."
            )
        super().__init__(address, _Push)
        self.folder, self.secret = folder, secret

    def service_actions(self) -> None:
        """Show the files of past minutes, also when nothing is pushed any more."""
        with suppress(AttributionError):  # the next push is answered with 500
            publish(self.folder)


class _Push(BaseHTTPRequestHandler):
    server: Receiver
    timeout = 10

    def do_POST(self) -> None:
        """Answer 200 when the push is on disk: the platform counts any other answer as failed."""
        self.send_response(self._landed())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _landed(self) -> int:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return 411
        if len(length) > len(str(_LARGEST)) or int(length) > _LARGEST:
            return 413
        body = self.rfile.read(int(length))
        headers = {key: self.headers.get(key, "") for key in _SIGNED}
        claimed = self.headers.get("x-signature", "").encode("latin-1", "replace")
        if not hmac.compare_digest(signature(headers, body, self.server.secret), claimed):
            return 401
        try:
            kept = {key: headers[key] for key in _KEPT}
            append(self.server.folder, [{"header": kept, "body": json.loads(body)}])
        except (ValueError, RecursionError):
            return 400
        except AttributionError:
            return 500
        return 200

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: pushes are about persons."""


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Lands Douyin's live pushes.")
    options.add_argument("folder", type=Path)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8080)
    given = options.parse_args()
    secret = os.environ.get(_SECRET, "")
    Receiver((given.host, given.port), given.folder, secret).serve_forever()
