"""
Create an app from the files beside this module: a model with rules and history, admin, page, tests.

The files are an app named ``shop``. Its name is replaced wherever it is a word.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

SKELETON = Path(__file__).parent
NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_name(name: str, root: Path) -> None:
    """Raise ValueError if an app in ``root`` cannot have this name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be an app's name: use a-z, 0-9 and _, as in 'shop'.")
    if (root / name).exists() or (root / "tests" / name).exists():
        raise ValueError(f"{name!r} exists in {root}: use another name.")


def create_app(name: str, root: Path) -> list[Path]:
    """Write the app and its tests, and return the files. Raise ValueError if it cannot be done."""
    check_name(name, root)
    places = {SKELETON / "app": root / name, SKELETON / "tests": root / "tests" / name}
    written = []
    for source, target in places.items():
        for path in sorted(source.rglob("*")):
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            file = target / renamed(str(path.relative_to(source)), name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(renamed(path.read_text(), name))
            written.append(file)
    tidy(root, [name, f"tests/{name}"])
    return written


def tidy(root: Path, folders: Sequence[str]) -> None:
    """Sort imports and wrap lines as the app's name requires, if ruff is installed."""
    if find_spec("ruff") is None:
        return
    for command in (["check", "--fix", "--quiet", "--select=I"], ["format", "--quiet"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", *folders], cwd=root, check=True
        )


def renamed(text: str, name: str) -> str:
    """Return the text with ``shop`` and ``Shop`` replaced by the app's name."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    title = name.replace("_", " ").capitalize()
    text = re.sub(r"\bShopConfig\b", f"{camel}Config", text)
    text = re.sub(r"\bShop\b", title, text)
    return re.sub(r"\bshop\b", name, text)
