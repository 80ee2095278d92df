"""Where every command begins: an interrupt while Python is still loading is as quiet as one that comes later."""

import sys
from importlib import import_module

INTERRUPTED = 130


def main() -> int:
    """Loads and runs the command; the exit status."""
    try:
        status: int = import_module("gateway.cli.main").main()
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
