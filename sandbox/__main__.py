"""`python -m sandbox`; `--help` lists its commands."""

from ._cli import app

if __name__ == "__main__":
    app(prog_name="python -m sandbox")
