"""What the keys of each layout type: made by script/layouts, one module a layout, loaded when it is used."""
