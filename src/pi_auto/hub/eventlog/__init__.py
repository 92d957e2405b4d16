"""The durable log of what happened at the hub: append only, in segment files, read from any sequence number.

An event counts once its group is through one fdatasync; only then is anybody told of it,
neither the device that sent it nor the server that reads. Sequence numbers rise by one
and go on after any crash.
"""
