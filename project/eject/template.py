"""
Build a project template for ``django-admin startproject``: ``make template`` runs this.

Django renders every ``.py`` file of a template, so each is enclosed in a ``verbatim`` tag, which
leaves the text in it as it is.
https://docs.djangoproject.com/en/stable/ref/django-admin/#render-warning
"""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from project.eject import KEPT, eject, git

ROOT = Path(__file__).resolve().parents[2]
TAG = "verbatim the_source"


def build(target: Path, app: str) -> None:
    """Write the zip file of an ejected copy of this repository."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        copy_repository(ROOT, copy)
        eject(copy, app)
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(copy.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    _add(archive, path, str(path.relative_to(copy)))


def copy_repository(source: Path, target: Path) -> None:
    """Copy the files that git knows, or, without git, those that a project keeps."""
    listed = git(source, "ls-files", "--cached", "--others", "--exclude-standard")
    names = _walked(source) if listed is None else listed.splitlines()
    for name in names:
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, target / name)


def _walked(source: Path) -> list[str]:
    return [
        str(path.relative_to(source))
        for name in [*KEPT, "tutorial"]
        for path in [source / name, *(source / name).rglob("*")]
        if "__pycache__" not in path.parts
    ]


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    information = zipfile.ZipInfo.from_file(path, name)
    information.compress_type = zipfile.ZIP_DEFLATED
    content = path.read_bytes()
    if path.suffix == ".py" and content:
        content = f"{{% {TAG} %}}{content.decode()}{{% end{TAG} %}}".encode()
    archive.writestr(information, content)


if __name__ == "__main__":
    build(Path(sys.argv[1]), sys.argv[2])
    command = f"django-admin startproject --template {sys.argv[1]} --exclude .git mysite"
    print(f"{sys.argv[1]}: {command}")
