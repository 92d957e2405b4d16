"""The appliance: capture reads scanners, the spool keeps what they read, the agent takes it to the world.

Arrows follow rights: capture imports no network code, the agent no input code. What lies
between them is the spool, which capture alone writes and the agent only reads.
"""
