"""The settings of Sphinx. `make docs` builds docs/_build/html, and warnings are errors.

https://www.sphinx-doc.org/en/master/usage/configuration.html
"""

import inspect
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
# Nothing is read from the database: any address will do.
os.environ.setdefault("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")

import django  # noqa: E402
from sphinx.util.inspect import stringify_signature  # noqa: E402

django.setup()

import reference  # noqa: E402

reference.write(HERE / "reference")

project = "Rules in the database"
author = ""
copyright = ""
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
extensions += ["tutorial.sphinx_links"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_favicon = "icon.svg"
html_show_sphinx = html_show_copyright = False
html_copy_source = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
# Axe finds these in the pages of the theme.
ACCESSIBLE = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Contents">',
    '<th class="head"><p></p></th>': "<td></td>",
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}


def with_arguments_of_init(app, what, name, obj, options, signature, returns):
    """Return the signature of a class that has both `__new__` and `__init__`.

    Autodoc would show that of `__new__`, which is `(*args, **kwargs)` for declarations.
    """
    if what != "class" or issubclass(obj, BaseException):
        return None
    return stringify_signature(inspect.signature(obj), show_annotation=False), returns


def make_accessible(app, exception):
    """Let the keyboard scroll code and tables, and give headings and landmarks a level and name."""
    if exception or app.builder.name != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        for old, new in ACCESSIBLE.items():
            html = html.replace(old, new)
        path.write_text(html, encoding="utf-8")


def setup(app):
    app.connect("build-finished", make_accessible)
    app.connect("autodoc-process-signature", with_arguments_of_init)
