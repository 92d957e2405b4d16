"""`pi-auto-client doctor`: walks a person's list of suspects by itself, and says what to do about each.

A check looks (thin, at files, sockets and tools), and judges what it has seen (pure). It prints
nothing, changes nothing, and may fail without spoiling the others. Imports no input code.
"""
