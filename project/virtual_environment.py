"""
Create ``.venv`` with the pinned requirements. The Makefile runs this with the Python it finds, so
the file is valid in every Python 3: an old version can parse it and print the error below.
"""

import importlib.util
import pathlib
import subprocess
import sys

OLDEST = (3, 11)
FOLDER = pathlib.Path(".venv")
PYTHON = str(FOLDER / "bin" / "python")


def main() -> None:
    if sys.version_info < OLDEST:
        found, needed = (".".join(map(str, v)) for v in (sys.version_info[:2], OLDEST))
        sys.exit(
            f"This is Python {found} and {needed} or later is needed: name one, as in"
            " `make demo PYTHON=python3.12`."
        )
    if not is_of_this_python():
        make()
    print("Installing the pinned requirements into .venv ...", flush=True)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if subprocess.call([*pip, "-r", "requirements-dev.txt"]) != 0:
        sys.exit("The requirements could not be installed: see above, and run this again.")
    for stamp in FOLDER.glob("ready-*"):
        stamp.unlink()


def is_of_this_python() -> bool:
    ask = "import pip, sys; print(sys.version)"
    try:
        answer = subprocess.run([PYTHON, "-c", ask], stdout=subprocess.PIPE, text=True)
    except OSError:
        return False
    return answer.stdout.strip() == sys.version.strip()


def make() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            "This Python has no ensurepip, which virtual environments need: install it (on Debian"
            " and Ubuntu, `apt install python3-venv`) and run this again."
        )
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(FOLDER)]) != 0:
        sys.exit("The virtual environment could not be made: see above.")


main()
