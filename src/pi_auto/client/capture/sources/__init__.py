"""Where codes come from: a keyboard, a raw HID device, a serial line, or a recording.

A source is read by the reader thread alone and never blocks it. It is opened by the lookout, since that may
take 50 ms. It gives what came since, part by part, and makes the decoder that understands its parts.
"""
