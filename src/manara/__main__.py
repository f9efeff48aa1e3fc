"""``python -m manara``: the same as the command ``manara``. Interrupted while it loads, it ends as it does later."""

try:
    from manara.cli import main

    code = main() if __name__ == "__main__" else 0
except KeyboardInterrupt:
    code = 130

if __name__ == "__main__":
    raise SystemExit(code)
