"""Asks the server for updates. Installing them comes with signed releases; nothing unsigned is ever fetched."""
