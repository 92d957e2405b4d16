"""What HID devices say in their reports, and how their report descriptors tell to read them."""
