"""What this device knows about its scanners: learned by itself, or set by a person or by the fleet."""
