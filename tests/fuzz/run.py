"""Runs one target under atheris: `python -m fuzz.run TARGET SECONDS SEED [CORPUS]`; of .venv-fuzz alone."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import atheris

SLOW = 1.0  # seconds of its own that one input may take

# What no fuzzer comes upon by itself: digits that are none, letters that change their length, halves of a pair.
WORDS = tuple(
    word.encode()
    for word in (
        "²", "٣", "ﬀ", "İ", "ß", "\u2028", "\ufeff", "\\ud800", "\\udc00", "\\u0000", "1e999", "-0", "1_0", "NaN",
        "true", "null", "{}", "[]", "9223372036854775808", "0.1", "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999Z",
        "%", "%ff", "../", "//", "\t", "\r\n", "\x1d", "=cmd", "<b>", "\x1b[", "'", '"',
    )
)  # fmt: skip

atheris.enabled_hooks.add("str")
with atheris.instrument_imports(include=["pi_auto"]):
    from fuzz import haste, targets


def main() -> None:
    """Fuzz, until time is over or a promise is broken: then the input lies where libFuzzer says."""
    name, seconds, seed = sys.argv[1:4]
    target = targets.named(name)
    corpus = Path(sys.argv[4] if len(sys.argv) > 4 else tempfile.mkdtemp())
    corpus.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(target.seeds):
        (corpus / f"seed{number}").write_bytes(octets)
    words = corpus.with_suffix(".words")
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in (*target.words, *WORDS)) + "# end\n")

    def one(octets: bytes) -> None:
        begun = time.thread_time()
        target.run(octets)
        if (took := time.thread_time() - begun) > SLOW:
            raise AssertionError(f"it took {took:.1f} s")

    haste.make()
    options = [
        f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={target.most}", "-rss_limit_mb=600",
        "-timeout=20",
        f"-dict={words}", "-print_final_stats=1", f"-artifact_prefix={corpus.parent}/{name}-",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


if __name__ == "__main__":
    main()
