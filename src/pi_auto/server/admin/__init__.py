"""What an administrator on the server's own machine may ask: over a socket for the server's user alone."""
