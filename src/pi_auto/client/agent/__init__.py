"""The program that talks to the world: it delivers what capture has stored, and keeps the device enrolled.

It reads the spool and never writes it; what it knows itself (identity, registration,
how far each destination has got) lies in a folder of its own. Every destination has a
thread of its own, so that one being down never delays the other.
"""
