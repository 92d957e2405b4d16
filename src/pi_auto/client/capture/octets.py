"""Bytes of a scanner as text: UTF-8 where they are that, else a character for each byte (ISO 8859-1).

So no byte is ever refused or lost, and what a scanner sends is data, whatever it looks like.
"""

from __future__ import annotations


def as_text(octets: bytes) -> str:
    """The text of any bytes. UTF-8 is tried first: text in another coding is hardly ever valid UTF-8 by chance."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
