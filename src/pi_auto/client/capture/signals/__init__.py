"""Tells people what became of a scan, by light and sound: a scanner's own beep means "decoded", not "stored".

The clerk says what has happened (`scores.Signal`) and never waits; a thread of its own (`signaller`)
shows it on the board's LED (`board`) and on whatever hangs on the header (`gpio`).
"""
