"""What `GET /api/health` says of a server, as far as devices look at it."""

from __future__ import annotations

SERVICE = "barcode_scanner_server"  # legacy contract: discovery looks for this word
