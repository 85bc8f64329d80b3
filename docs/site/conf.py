# SPDX-License-Identifier: MIT
# The site's settings for Sphinx. tools/docs/site.py puts the pages together.
import os

project = "mayfly"
version = release = os.environ["MAYFLY_VERSION"]
copyright = "the authors of mayfly; MIT licence"
extensions = ["myst_parser", "sphinx_inline_tabs"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nitpicky = True
nitpick_ignore = [("c:identifier", name) for name in (
    "bool", "size_t", "int64_t", "uint64_t", "uint32_t", "uint8_t", "FILE")]
highlight_language = "c"
smartquotes = False  # what looks like a dash here is an option's: --dir
# Every colour of these stands out from its background by 4.5 at least (WCAG AA).
pygments_style = "default"
pygments_dark_style = "github-dark"
html_theme = "furo"
html_title = "mayfly"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
