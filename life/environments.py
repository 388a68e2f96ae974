"""Virtual environments in the cache folder, one for each set of requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def python(cache: Path, name: str, requirements: tuple[str, ...]) -> Path:
    """Return the interpreter of an environment with these requirements, made if it is missing.

    Raises:
        RuntimeError: pip could not install them.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256("\n".join((version, *requirements)).encode()).hexdigest()[:8]
    folder = cache / "environments" / f"{name}-{digest}"
    interpreter = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(interpreter), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        ended = subprocess.run([*pip, *requirements], capture_output=True, text=True)
        if ended.returncode != 0:
            raise RuntimeError(f"pip could not install {name}: {ended.stderr.strip()[-500:]}")
        done.touch()
    return interpreter


def versions(interpreter: Path, *names: str) -> dict[str, str]:
    """Return the installed version of each distribution."""
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    ended = subprocess.run(
        [str(interpreter), "-c", code, *names], capture_output=True, text=True, check=True
    )
    return dict(zip(names, ended.stdout.split(), strict=True))
