"""The fleet's own authority: its certificates, its key, and the proof that a server is of the fleet."""
