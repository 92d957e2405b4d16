"""What a code means: symbology, GTIN, check digit, GS1's named fields, and what is wrong with them.

A code's text goes in, advice comes out (meaning.py). Nothing here reads a device, a clock or a file, keeps a code
back, or raises: what cannot be read has problems, and is delivered as it came.
"""
