"""Scanners on a serial line: how the line is opened, and where in its bytes a code ends."""
