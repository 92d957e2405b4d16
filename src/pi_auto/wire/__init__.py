"""What device, server and hub say to each other: messages, ids, times, topics and tokens.

Pure data and pure functions: no files, no sockets, no clocks. Both sides of every
conversation import the same definition from here. Unknown fields are ignored, so that
an older side understands a newer one; wrong ones are refused by name.
"""
