"""Devices: who they are, how they register, whether they are there."""
