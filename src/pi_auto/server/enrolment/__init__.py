"""How a device with a key is taken in, kept and shut out: rules that are pure, and the books they are kept in."""
