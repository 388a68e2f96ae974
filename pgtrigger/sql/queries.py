"""Static queries, each in a file under the ``sql`` folder of the package that sends it."""

import functools
from importlib import resources


@functools.cache
def query(package: str, name: str) -> str:
    """Return the text of ``sql/<name>.sql`` in the folder of a package."""
    return resources.files(package).joinpath("sql", f"{name}.sql").read_text()
