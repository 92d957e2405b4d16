"""Backups of the whole data folder, taken while the server runs, sealed under the key that lies outside it."""
