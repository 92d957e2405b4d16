"""The version of everything in this distribution; releases carry it on device and server."""

__version__ = "0.1.0"
