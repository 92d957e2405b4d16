"""Who had which device do what, when, and what came of it: written before and after, never changed."""
