"""The first promise under everything at once: a seeded plan of faults, who carries them out, who judges."""
