"""One connected device's conversation: its state, and a room for each thing that a device may ask for."""
