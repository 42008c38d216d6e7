"""The operating systems of charms."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Base:
    """An operating system, as charmcraft.yaml names it."""

    name: str
    """Like `ubuntu@24.04`."""
    codename: str
    python: str
    """The version of its Python, like `3.12`."""

    @property
    def os_release(self) -> str:
        """Return the text that identifies it."""
        distribution, _, version = self.name.partition("@")
        return (
            f"NAME={distribution.capitalize()}\nID={distribution}\n"
            f'VERSION_ID="{version}"\nVERSION_CODENAME={self.codename}\n'
        )


BASES = {
    base.name: base for base in (Base("ubuntu@22.04", "jammy", "3.10"), Base("ubuntu@24.04", "noble", "3.12"))
}
"""By name."""
