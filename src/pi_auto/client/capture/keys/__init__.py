"""Keys to text: what the keys of a scanner mean, by layout and by all the ways in which scanners type."""
