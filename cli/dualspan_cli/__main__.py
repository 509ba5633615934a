"""`python -m dualspan_cli` is `dualspan`."""

from dualspan_cli.main import run

if __name__ == "__main__":
    run()
