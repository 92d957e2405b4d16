"""Who this device is, and what its server has given it.

`identity` is made once and kept; `registration` trades it for a token and a connection
string; `standing` holds what was given, for every worker to read.
"""
