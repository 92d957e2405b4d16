"""What root does to make a Raspberry Pi the appliance: unpack a release, place its files, switch to it.

Runs only while something is installed or removed, and listens to nobody. It is told what to do by
the command line and by the archive that root was given; it opens nothing that another user can write.
"""
