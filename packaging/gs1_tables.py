"""Makes the compact tables of GS1's Application Identifiers out of the entries of GS1's Syntax Dictionary.

The dictionary's notation goes in, the text of meaning/tables.py comes out: a line an entry, its fields divided
by `|`. An entry that the notation does not allow is refused by its line, so that nothing is left out in silence.
"""

from __future__ import annotations

import re
from pathlib import Path

DICTIONARY = Path("packaging/gs1-dictionary.txt")
TABLES = Path("src/pi_auto/client/capture/meaning/tables.py")

_ENTRY = re.compile(r"(?P<ais>\d{2,4}(?:-\d{2,4})?)(?: +(?P<flags>[*?]+))?(?P<rest>(?: +\S+)+)")
_COMPONENT = re.compile(r"(?:[NXYZ](?:\.\.)?\d+|\[[NXYZ](?:\.\.)?\d+\])(?:,[a-z0-9]+)*")
_ATTRIBUTE = re.compile(r"req=[\dn,+]+|ex=[\dn,]+|dlpkey(?:=[\d,|]+)?")
_HEAD = '''"""GS1's Application Identifiers. Made by script/gs1 out of packaging/gs1-dictionary.txt: change that.

An entry a line: AI or range, flags (`*` predefined length, `?` allowed as a data attribute of a Digital Link),
components and their linters, associations, title. Data of the GS1 Barcode Syntax Dictionary, copyright 2020-2021
BWIPP project and Zint Project, 2021-2025 GS1 AISBL, Apache License 2.0.
"""

ENTRIES = """\\
'''


def tables(dictionary: str) -> str:
    """The text of tables.py for the text of a dictionary; ValueError names the line that it cannot read."""
    lines = [_entry(number, line) for number, line in enumerate(dictionary.splitlines(), 1) if _holds_entry(line)]
    return _HEAD + "\n".join(lines) + '\n"""\n'


def _holds_entry(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _entry(number: int, line: str) -> str:
    body, _, title = (part.strip() for part in line.partition(" # "))
    found = _ENTRY.fullmatch(body)
    if not found:
        raise ValueError(
            f"line {number} is {line!r}; allowed: AI or range, flags, components, attributes, # title"
        )
    words = found["rest"].split()
    components = [word for word in words if _COMPONENT.fullmatch(word)]
    attributes = [word for word in words if _ATTRIBUTE.fullmatch(word)]
    if words != components + attributes or not components:
        raise ValueError(
            f"line {number} has {found['rest'].strip()!r}; allowed: components, then req=, ex=, dlpkey"
        )
    # In dlpkey `|` divides alternatives; here it divides fields.
    told = " ".join(attributes).replace("|", ";")
    return "|".join((found["ais"], found["flags"] or "", " ".join(components), told, title))
