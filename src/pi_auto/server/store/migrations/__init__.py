"""Every step the schema of the books has taken; run in process at each start."""
