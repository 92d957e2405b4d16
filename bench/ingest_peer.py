"""The peer of `bench ingest`: the least that a Flask app can do with a batch and still call it durable.

Same server (granian), same threads, same JSON, same SQLite settings. It checks no token, no
field and no repeat; it commits each request by itself under a lock.
"""

from __future__ import annotations

import gzip
import sqlite3
import sys
import threading
from functools import cache
from pathlib import Path

import msgspec
from flask import Flask, Response, request

app = Flask("peer")
_lock = threading.Lock()


@cache
def _books() -> sqlite3.Connection:
    books = sqlite3.connect(Path(sys.argv[1]) / "peer.sqlite", isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        books.execute(f"PRAGMA {pragma}").close()
    books.execute("CREATE TABLE IF NOT EXISTS scans (uuid TEXT, number INTEGER, text TEXT, raw TEXT, wall TEXT)")
    return books


@app.post("/api/scans")
def receive() -> Response:
    """Append the scans of a batch."""
    body = request.get_data()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    scans = msgspec.json.decode(body)["scans"]
    rows = [
        (scan["uuid"], scan["number"], scan["text"], scan["raw"], scan["stamp"]["wall_time"]) for scan in scans
    ]
    with _lock:
        books = _books()
        books.execute("BEGIN IMMEDIATE")
        books.executemany("INSERT INTO scans VALUES (?, ?, ?, ?, ?)", rows)
        books.execute("COMMIT")
    return Response(b'{"status":"settled"}\n', mimetype="application/json")


def main() -> None:
    """`python -m bench.ingest_peer FOLDER ADDRESS:PORT`, until SIGTERM."""
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415 - the worker needs none of it
    from granian.server.mp import MPServer  # noqa: PLC0415

    from pi_auto.server.serving import THREADS  # noqa: PLC0415

    host, _, port = sys.argv[2].rpartition(":")
    server = MPServer(
        "bench.ingest_peer:app", host, int(port), interface=Interfaces.WSGI,
        blocking_threads=THREADS, http=HTTPModes.http1, log_enabled=False,
    )  # fmt: skip
    server.on_startup(lambda: print(f"peer ready: http={host}:{port}", flush=True))
    server.serve()


if __name__ == "__main__":
    main()
