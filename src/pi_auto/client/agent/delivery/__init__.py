"""Carries what capture has stored to the API and to the hub, each with its own progress through the spool.

A record counts as delivered only once its receiver has said so, or once it has been set
aside where a person can see it: never a blocked queue, never a silent drop.
"""
