"""What a signed target of the fleet's updates says of itself: a release of the client, or the fleet's authority.

Targets are those of TUF. A release is the one file that `script/dist` makes, `pi_auto_client.py`;
its `custom` part, signed with it, says what a device has to know before it takes it. The target
`fleet/authority.json` is a fleet card without a batch token: nothing else changes whom a device obeys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pi_auto.wire.fields import Fields

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*\Z")
RELEASED = re.compile(r"[0-9][0-9A-Za-z.+-]{0,62}\Z")  # of a release, which is a folder's name on each device
TARGET = re.compile(r"client/[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}/pi_auto_client\.py\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,63}\Z")  # as Debian names them
AUTHORITY_TARGET = "fleet/authority.json"

MOST_ARCHIVE = 64 * 1024 * 1024  # bytes, packed and unpacked
MOST_METADATA = 512 * 1024  # bytes of one file of metadata
# Roots that are followed at a time, and handed over. A small board takes some 0.3 s for each: half a minute.
# Who was off for so long that there are more follows the rest later, as they were signed one by the other.
MOST_ROOTS = 64
MOST_NOTES = 4096  # characters
MOST_PACKAGES = 64


@dataclass(frozen=True, slots=True)
class Release:
    """The `custom` part of a release's target.

    `counter` grows with every release, whatever the version says: no device goes below the highest
    it has committed. `least_counter` is the oldest release from which this one may be taken;
    `unpacked` in bytes; `packages` are those of Debian without which it does not run.
    """

    version: str
    counter: int
    unpacked: int
    built: int  # seconds since 1970
    least_counter: int = 0
    packages: tuple[str, ...] = ()
    notes: str = ""

    @property
    def target(self) -> str:
        """What the fleet's metadata call its archive."""
        return target_of(self.version)

    def to_json(self) -> dict[str, Any]:
        """The `custom` part as it is signed."""
        return {
            "version": self.version,
            "counter": self.counter,
            "unpacked": self.unpacked,
            "built": self.built,
            "least_counter": self.least_counter,
            "packages": list(self.packages),
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, value: object) -> Release:
        """Read it, or raise FieldError naming what is wrong."""
        fields = Fields(value, "custom")
        packages = fields.items("packages", most=MOST_PACKAGES)
        return cls(
            version=fields.text("version", most=64, form=VERSION),
            counter=fields.integer("counter", least=1),
            unpacked=fields.integer("unpacked", least=1, most=MOST_ARCHIVE),
            built=fields.integer("built"),
            least_counter=fields.integer("least_counter"),
            packages=tuple(_package(one, number) for number, one in enumerate(packages)),
            notes=fields.text("notes", most=MOST_NOTES, least=0),
        )


def target_of(version: str) -> str:
    """The name of the target that holds the release of this version."""
    return f"client/{version}/pi_auto_client.py"


def _package(value: object, number: int) -> str:
    name = f"packages[{number}]"
    return Fields({name: value}, "custom").text(name, most=64, form=PACKAGE)
