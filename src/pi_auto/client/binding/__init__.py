"""Binding a box without a fleet card by a one-time code, `PIAUTO:…`: its likeness, its way to the agent, its ends.

Such a code lets a device in. It is told from a scan before anything else happens to it (likeness.py), handed on
in memory alone, and what it says is nowhere written or logged, and sent to nobody but the fleet that it names,
once that has proved itself.
Source: docs/decisions/0039, 0051.
"""
