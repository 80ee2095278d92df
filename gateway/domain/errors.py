"""How bad input is answered: a value that names the field and says what to change. Never a traceback."""

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One mistake in something we were given. `field` is its path (`recipient.phone`), empty for the whole document."""

    field: str
    message: str

    @property
    def sentence(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message
