"""What these tests share: the templates that ship, and a way to make a folder of others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.rendering.catalog import Catalog

SHIPPED = Path(__file__).parents[2] / "templates"


@pytest.fixture(scope="session")
def shipped() -> Catalog:
    return Catalog.load(SHIPPED, "en")


@pytest.fixture
def catalog_of(tmp_path: Path) -> Callable[..., Catalog]:
    """A catalogue of the files given: `catalog_of({"en/hello/sms.txt": "Hello {{ name }}"})`."""

    def make(files: dict[str, str | bytes], default: str = "en") -> Catalog:
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Catalog.load(tmp_path, default)

    return make
