"""The Wi-Fis that a device knows, as NetworkManager, netplan, wpa_supplicant and ifupdown write them down.

Text in, text out: what is left of a file when its Wi-Fis and their passwords are gone, those that
somebody made a comment of among them. Wired networks stay. Where a block cannot be cut out for
sure, nothing of the file is left.
"""

from __future__ import annotations

import io
import re

_KINDS = {"wifi", "802-11-wireless"}
_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_TYPE = re.compile(r"\s*type\s*=\s*(\S+)")
_WIFIS = re.compile(r"""(?P<indent>\s*)["']?wifis["']?\s*:""")
_SAYS_NOTHING = re.compile(r"""\s*(#.*|["']?(network|version|renderer)["']?\s*:.*|---)?\s*\Z""")
_BLOCK = re.compile(r"\s*(network|cred|blob-base64-\S+)\s*=\s*\{")
_BLOCK_ENDS = re.compile(r"\s*\}\s*(#.*)?\Z")  # a brace behind anything else is a value's, or a comment's
_TELLS = re.compile(r"(psk|passw(or)?d|passphrase|wep_key\d)\s*=", re.IGNORECASE)
_KEY = re.compile(r"[\s#]*(wpa|wireless)[-_]")
_COMMENT = re.compile(r"\s*#")


def is_profile(keyfile: str) -> bool:
    """Whether NetworkManager's keyfile is of a Wi-Fi."""
    section = ""
    for line in _lines(keyfile):
        if found := _SECTION.match(line):
            section = found[1].strip()
        if section in _KINDS:
            return True
        if section == "connection" and (found := _TYPE.match(line)) and found[1] in _KINDS:
            return True
    return False


def without_wifis(netplan: str) -> str:
    """What else a file of netplan (also cloud-init's) says; empty if that is nothing."""
    kept, inside = [], None
    for line in _lines(netplan):
        if inside is not None and (not line.strip() or _indent(line) > inside or line.lstrip()[0] in "}]#"):
            continue
        found = _WIFIS.match(line)
        inside = len(found["indent"]) if found else None
        kept += [] if found else [line]
    if "wifis" in "".join(kept) or all(_SAYS_NOTHING.match(line) for line in kept):
        return ""
    return "".join(kept)


def without_networks(wpa_supplicant: str) -> str:
    """A file of wpa_supplicant without its networks and comments; the country and the like stay."""
    kept, inside = [], False
    for line in _lines(wpa_supplicant):
        if _COMMENT.match(line):  # it may be a network of old, or look like the end of this one
            continue
        begins = not inside and bool(_BLOCK.match(line))
        kept += [] if inside or begins else [line]
        inside = (inside and not _BLOCK_ENDS.match(line)) or (begins and not _is_whole(line))
    return "" if any(_TELLS.search(line) for line in kept) else "".join(kept)


def _is_whole(block: str) -> bool:
    """Whether a block ends on the line on which it begins."""
    return block.partition("#")[0].rstrip().endswith("}")


def without_keys(interfaces: str) -> str:
    """A file of ifupdown without the lines that name a Wi-Fi and its password."""
    kept, goes_on = [], False
    for line in _lines(interfaces):
        gone = goes_on or bool(_KEY.match(line))
        goes_on = gone and line.rstrip().endswith("\\")
        kept += [] if gone else [line]
    return "".join(kept)


def _lines(text: str) -> list[str]:
    """With their ends; the name of a Wi-Fi may hold what Unicode calls the end of a line."""
    return list(io.StringIO(text, newline="\n"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
