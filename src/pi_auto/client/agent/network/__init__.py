"""Finds the fleet's server on whatever network the device wakes up in, and believes none that is not proven.

`candidates` says whom to ask and in which order, `proving` whether one of them is the
fleet's, `racing` asks several at once, `home` holds what was found for every worker.
"""
