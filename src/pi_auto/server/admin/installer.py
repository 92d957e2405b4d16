"""Puts the fleet card into the guide's installer, so that the guide's two files stay two files.

The card becomes a here-document that no character of it can end, since it is base64; what the
script does with it, it finds in the variable PI_AUTO_FLEET_CARD. The server has the installer of its own
release by it (install_pi_client.sh, in a working copy a link).
"""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

from pi_auto.wire.fleet_card import FleetCard
from pi_auto.wire.strict_json import write_plainly

_BEGIN, _END = "# >>> fleet card", "# <<< fleet card"
_HELD = re.compile(f"^{_BEGIN}\n.*?^{_END}\n", re.MULTILINE | re.DOTALL)
_AFTER = "set -euo pipefail\n"
_LINE = 100
NAME = "install_pi_client.sh"


def own_script() -> str:
    """The installer of this release, without a card. Raises OSError."""
    return Path(__file__).with_name(NAME).read_text()


def with_card(script: str, card: FleetCard) -> str:
    """The script with this card, in place of one that it held before. Raises ValueError for another script."""
    bare = _HELD.sub("", script)
    if not bare.startswith("#!/bin/bash\n") or bare.count(_AFTER) != 1:
        raise ValueError("this is not the installer of a release: it has no line `set -euo pipefail`")
    return bare.replace(_AFTER, _AFTER + _block(card), 1)


def _block(card: FleetCard) -> str:
    text = b64encode(write_plainly(card.to_json())).decode()
    lines = "\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))
    said = f"# Fleet {card.fleet_id}, as base64." + (" It lets devices in: keep it." if card.batch_token else "")
    return f"{_BEGIN}\n{said}\nexport PI_AUTO_FLEET_CARD='\n{lines}\n'\n{_END}\n"
