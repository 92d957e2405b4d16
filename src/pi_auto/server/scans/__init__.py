"""Scans: how they are booked, and how they are read out again."""
