"""The port without TLS: what it answers (`port`), and to how many at once (`serving`)."""
