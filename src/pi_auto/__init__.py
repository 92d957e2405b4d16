"""Pi Auto Client: a barcode appliance nobody configures, and the fleet server behind it."""
