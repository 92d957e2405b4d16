"""An event hub for tests: `running` starts it, the rest is the peer itself, run by the system's Python."""
