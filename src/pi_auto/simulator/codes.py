"""What the virtual scanner reads: codes as they lie about in a stock room, and two hostile ones."""

from __future__ import annotations

CODES = (
    "8053734093444",
    "4006381333931",
    "5901234123457",
    "96385074",
    "036000291452",
    "CAL-503542 1/2",
    "LOT:2026/11-A;QTY=12",
    "https://id.example.org/01/08053734093444?17=271231",
    "<script>alert(1)</script>",
    '=1+1 & "quotes"',
)
