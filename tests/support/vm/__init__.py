"""A Pi in a box: a virtual machine with its own kernel, systemd, udev and USB, driven from tests."""
