"""Virtual scanners and virtual Pis: the real client over hardware that is made of files.

The client's own programs run unchanged, as processes; only the scanner is a FIFO that
carries the kernel's own event structure, and the state folder is any folder.
"""
