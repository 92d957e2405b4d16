"""Where the fleet's hub is, and how its events come into the books."""
