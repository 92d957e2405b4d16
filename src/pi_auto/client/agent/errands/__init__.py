"""What the agent asks of its server besides deliveries, one errand a file, by one worker with one connection.

An errand knows when it is due and what to do then. None ever gives up: whatever the server
answers, it is asked again later.
"""
