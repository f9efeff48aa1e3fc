"""``python -m manara``: the same as the command ``manara``."""

from manara.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
