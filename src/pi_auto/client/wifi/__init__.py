"""Wi-Fi by scanning: what a `WIFI:` code is, what it says, whether it may be followed, and following it.

Such a code holds a password. It is told from a scan before anything else happens to it (likeness.py),
handed on in memory alone, and what it says is nowhere written, logged or sent.
Source: docs/decisions/0041.
"""
