"""The checks, one a file, all of one shape: `probe` looks and returns facts, `judge` says what they mean."""
