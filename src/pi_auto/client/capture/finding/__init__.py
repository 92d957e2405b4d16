"""What is plugged in, as the kernel shows it under /sys, and what it is taken for. No device is opened."""
