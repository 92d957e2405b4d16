"""What agent and fetcher tell each other: the job as one line of JSON in, what becomes of it as lines out.

The job goes by a pipe and not by the command line, which everybody on the machine can read: it holds a token.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pi_auto.client.endpoint import Endpoint
from pi_auto.client.proxy import Proxy
from pi_auto.wire.update import Offer, read_answer

MOST_JOB = 512 * 1024  # bytes
MOST_LINE = 4096
DOWNLOADING, VERIFIED, READY, FAILED = "downloading", "verified", "ready", "failed"
# How it failed: nothing good is signed or no room is left, what is signed is of no use for good, the server
# takes no token, later may be better, or no sooner than in an hour, since the server has said no.
REFUSED, USELESS = "refused", "useless"
UNAUTHORIZED, LATER, NEXT_ROUND = "unauthorized", "later", "next round"


@dataclass(frozen=True, slots=True)
class Job:
    """Fetch what `offer` names, or where there is none the fleet's `authority` of this SHA-256, into `folder`.

    `root` is the text of the update root. `bandwidth` in bytes a second, 0 for no limit. `card` is the text of the
    fleet card that the device has: an authority that says the same is no news. `believed` is the
    version of the newest root that the switcher believes.
    """

    folder: Path
    endpoint: Endpoint
    root: str
    token: str | None = None
    offer: Offer | None = None
    bandwidth: int = 0
    card: dict[str, Any] | None = None
    authority: str | None = None
    believed: int = 0

    def to_line(self) -> bytes:
        """As it goes through the pipe."""
        where = self.endpoint
        dialled = {
            "tls": where.tls,
            "host": where.host,
            "dialled": list(where.dialled),
            "name": where.name,
            "ca": str(where.ca) if where.ca is not None else None,
            "ca_is_file": isinstance(where.ca, Path),
            "proxy": str(where.proxy) if where.proxy else None,
            "through": where.through,
        }
        job = {
            "folder": str(self.folder),
            "endpoint": dialled,
            "root": self.root,
            "token": self.token,
            "offer": self.offer.to_json() if self.offer else None,
            "bandwidth": self.bandwidth,
            "card": self.card,
            "authority": self.authority,
            "believed": self.believed,
        }
        return json.dumps(job).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Job:
        """Read it. Its writer is the same release: what is wrong with it raises whatever it raises."""
        job = json.loads(line)
        where = job["endpoint"]
        ca = where["ca"]
        endpoint = Endpoint(
            tls=where["tls"],
            host=where["host"],
            dialled=(where["dialled"][0], where["dialled"][1]),
            name=where["name"],
            ca=Path(ca) if where["ca_is_file"] else ca,
            proxy=Proxy.of(where["proxy"]) if where["proxy"] else None,
            through=where["through"],
        )
        offer = read_answer(job["offer"]) if job["offer"] else None
        if offer is not None and not isinstance(offer, Offer):
            raise ValueError("the job's offer offers nothing")
        folder, rest = Path(job["folder"]), [job[name] for name in ("bandwidth", "card", "authority", "believed")]
        return cls(folder, endpoint, job["root"], job["token"], offer, *rest)


@dataclass(frozen=True, slots=True)
class News:
    """What the fetcher tells: a `step` of those above. `fetched` are bytes that came by the network."""

    step: str
    update_id: str = ""
    percent: int | None = None
    fetched: int = 0
    kind: str = ""
    reason: str = ""
    retry_after: float = 0.0

    def to_line(self) -> str:
        """As it goes through the pipe."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({name: value for name, value in told.items() if value not in (None, "", 0, 0.0)})


def news_of(line: bytes) -> News | None:
    """Read a line; None for what is none of the fetcher's."""
    try:
        told = json.loads(line)
        return News(**told) if isinstance(told, dict) else None
    except (ValueError, TypeError):
        return None
