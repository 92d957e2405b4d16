"""The clock floor: no earlier can it be, by this release's build and by what the fleet has signed.

A Pi has no clock chip and starts in the past. A helper of root's, without network, raises the clock
to the floor before the agent starts, and whenever the agent hands it a newer time that the fleet has
signed. Nothing else raises the floor: not the clock, not a time server, not the agent's word.
"""
