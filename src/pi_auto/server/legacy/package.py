"""Makes the zip file by which an old client turns itself into a new one. Pure.

Old clients install two members of an update, pi_auto_client.py and config.json, and start the first
as root. Ours is a program of the standard library alone (`bootstrap.py`) with the release's client
and installer inside; the installer has the fleet's card, which holds no secret. Twice gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from base64 import encodebytes
from pathlib import Path

from pi_auto.server.admin.installer import with_card
from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.release import VERSION

CLIENT, INSTALLER = "pi_auto_client.py", "install_pi_client.sh"
_MARK = "PAYLOAD: dict[str, str] = {}\n"
_MEMBER = "appliance/version"


def pack(client: bytes, installer: str, card: FleetCard) -> bytes:
    """The zip file. Raises ValueError for files of no release, and for a card that lets devices in."""
    if card.batch_token:
        raise ValueError("the card holds a batch token: whoever asked for this update would have it")
    version = version_of(client)
    payload = {CLIENT: client, INSTALLER: with_card(installer, card).encode()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = version.encode()
        member = zipfile.ZipInfo(CLIENT, (1980, 1, 1, 0, 0, 0))
        member.external_attr = 0o100755 << 16
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, _program(payload, version))
    return packed.getvalue()


def version_of(client: bytes) -> str:
    """The version of a release's pi_auto_client.py. Raises ValueError for another file."""
    try:
        with zipfile.ZipFile(io.BytesIO(client)) as archive:
            found = VERSION.match(archive.read(_MEMBER).decode().strip())
    except (zipfile.BadZipFile, KeyError, UnicodeError):
        found = None
    if found is None:
        raise ValueError("--client is no pi_auto_client.py of a release (script/dist makes one)")
    return found[0][:64]


def _program(payload: dict[str, bytes], version: str) -> str:
    source = Path(__file__).with_name("bootstrap.py").read_text()
    if source.count(_MARK) != 1:
        raise ValueError("bootstrap.py has no place for what it is to carry")
    held = "".join(f"    {json.dumps(name)}: '''\n{_lines(octets)}\n''',\n" for name, octets in payload.items())
    said = f"PAYLOAD: dict[str, str] = {{\n{held}}}\n"
    return source.replace(_MARK, said).replace('VERSION = ""\n', f"VERSION = {json.dumps(version)}\n")


def _lines(octets: bytes) -> str:
    return encodebytes(octets).decode().rstrip("\n")
