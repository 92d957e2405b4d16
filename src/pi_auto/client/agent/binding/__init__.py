"""How a device without a fleet card becomes a fleet's: by a one-time code, or by trusting the first server.

`seeking` finds a server and has it prove the fleet, `binder` enrols and keeps the card, `desk` takes codes in,
`first` is the named exception. None of them runs once there is a card.
"""
