"""What people can ask of this device: status, scanners, and a test of what they send. Nothing needs to run for it.

Reads only. Run by sudo it is the agent's user who asks. What cannot be read is said to be so, never guessed.
"""
