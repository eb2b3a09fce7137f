"""`outgrow` and `python -m outgrow`: stopped while the rest is still imported, it ends as it would later."""

from __future__ import annotations

import os
import signal

STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def start() -> None:
    """Import the command line, and run it."""
    # What is ignored stays ignored: so nohup asks.
    heard = [number for number in STOPS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in heard}
    from outgrow.cli import main

    for number, handler in before.items():
        signal.signal(number, handler)
    main()


def _stop(signum: int, _frame: object) -> None:
    # Nothing is written yet, and whatever is being imported might catch an exception on its way out.
    if signum == signal.SIGINT:
        os.write(2, b"outgrow: interrupted; nothing half-written was kept\n")
    os._exit(128 + signum)


if __name__ == "__main__":
    start()
