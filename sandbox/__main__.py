"""`python -m sandbox`; `--help` tells what there is."""

from ._cli import app

if __name__ == "__main__":
    app(prog_name="python -m sandbox")
