"""``python -m project.probe``: exit with 0 if the site on this machine is ready, else with 1."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen


def main(path: str = "/health/ready") -> int:
    """Return 0 if the site on this machine answers 200, otherwise 1 with the answer on stdout."""
    url = f"http://127.0.0.1:{os.environ.get('PORT', '8000')}{path}"
    try:
        with urlopen(url, timeout=5) as answer:
            print(answer.read().decode())
    except URLError as error:
        print(getattr(error, "read", lambda: b"")().decode() or error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
