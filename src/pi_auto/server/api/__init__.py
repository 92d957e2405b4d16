"""What devices and scripts call: the blueprint `pi_api`, one small module per subject."""
