"""Reads scanners: key events in, scans in the spool out. Never waits for disk or network while keys may come.

Three threads: the reader (main) turns keys into drafts, the clerk commits them, the lookout
finds and opens scanners. Only the clerk touches the disk or writes a log.
"""
