"""When scans really were: those that were stamped before the clock was set get their time worked out at sending.

What is stored is never changed. `docs/decisions/0017-times-are-corrected-at-sending.md` says how far this goes.
"""
