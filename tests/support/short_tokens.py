"""The real server, whose devices' tokens last as many seconds as PI_AUTO_TEST_TOKEN_LIFE says.

It is the main module of the server's worker as well, which is started anew and reads it again.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from pi_auto.server.cli import main
from pi_auto.server.enrolment import tokens

tokens.LASTS = timedelta(seconds=int(os.environ["PI_AUTO_TEST_TOKEN_LIFE"]))

if __name__ == "__main__":
    sys.exit(main())
