"""The calibration sheet, as a page to print: what is on it, and how it is drawn as SVG or PDF.

Pure: nothing goes in, text or bytes come out. Client and server both give the sheet out, so it lies outside both.
"""
