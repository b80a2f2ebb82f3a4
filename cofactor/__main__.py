"""The `cofactor` program, also as `python -m cofactor`.

Ctrl-C during the imports, which are most of the first second, ends the process at once and without a traceback; the
command line turns it into an exception again.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise whoever started it has decided
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Runs the command line."""
    from cofactor.cli import main

    main()


if __name__ == "__main__":
    main()
