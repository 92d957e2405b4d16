"""The durable queue between capture and agent: one SQLite file that capture alone writes.

Drafts go in and are records once `append` returns; nothing signalled as stored is ever
lost to a kill or a power cut. The agent reads it and keeps its marks in a database of its own.
"""
