"""How Sphinx builds the documentation: ``make docs``."""

import sys
from pathlib import Path

from openssl_bio import __version__

sys.path.insert(0, str(Path(__file__).parent))  # figures

project = "openssl_bio"
author = "the openssl_bio developers"
version = release = __version__
extensions = ["figures", "myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "_figures"]
html_theme = "furo"
myst_heading_anchors = 3
# Docstrings name things in single backticks.
default_role = "literal"
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "groupwise"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
# ARCHITECTURE.md and others are shown here, and link to files of the repository.
suppress_warnings = ["myst.xref_missing"]
