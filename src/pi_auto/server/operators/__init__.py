"""People and scripts with a right to the fleet: one-time links, sessions of browsers, API tokens with scopes."""
