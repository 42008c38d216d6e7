"""What others have written, made fit for a status or a line of a log."""


def one_line(text: str, *, longest: int) -> str:
    """The text in printable characters on one line, cut after `longest` of them, which an ellipsis shows."""
    shown = f"{text[:longest]}…" if len(text) > longest else text
    return "".join(each if each.isprintable() else " " for each in shown)
