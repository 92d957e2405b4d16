"""How this device is, for its heartbeat: one small file for each thing that is looked at.

All of it is read from the kernel's own files, so that a heartbeat costs no child process. What a machine
does not tell is left out and never made up.
"""
