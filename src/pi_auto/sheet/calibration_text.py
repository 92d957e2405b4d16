r"""What the calibration barcode says (Code 128, all of it ASCII).

`' \ # :` lie on other keys on nearly every layout. No letter is in it: they move, or are missing. The digits of
pi between the signs, and the signs the other way round, make it a text that no other label has.
"""

from __future__ import annotations

TEXT = "'\\#:31415926535:#\\'"
