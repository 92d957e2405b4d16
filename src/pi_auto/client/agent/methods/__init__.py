"""What the fleet may have this device do at once: the direct methods, each in a file of its own.

`dispatch` knows which there are and how each call is answered. None of them ever takes a URL, a path or
anything that a shell would read.
"""
