"""Reads scanners: key events in, scans in the spool out. Never waits for disk or network while keys may come.

Three threads: the reader (main) turns keys into drafts, the clerk commits them, the lookout
finds and opens scanners. Only the last two touch the disk, and only the clerk writes a log.
"""
