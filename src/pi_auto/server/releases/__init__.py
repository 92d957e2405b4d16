"""Updates of the fleet."""
