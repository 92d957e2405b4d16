"""Who this device is, and what its server has given it.

`identity` is made once and kept; `registration` trades its claim for a token and a connection
string, `enrolling` the signature of `device_key`; `ways` says which of the two it is. `standing`
holds what was given, for every worker to read.
"""
