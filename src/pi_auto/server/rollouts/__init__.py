"""Which device takes which release, and when: stages, windows, pins, and what became of each."""
