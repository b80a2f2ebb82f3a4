"""How Sphinx builds the documentation: `make docs`.

The pages are plain Markdown that a forge shows as well. The navigation is read from the sections of index.md, and the
pages of the API reference are generated from the table of modules in reference.md.
"""

import re
from importlib import import_module
from pathlib import Path

from sphinx.application import Sphinx

import cofactor

HERE = Path(__file__).parent
GENERATED = HERE / "reference"
MEMBER_OPTIONS = {
    "class": "\n   :members:\n   :inherited-members: Exception, tuple, str",
    "data": "\n   :no-value:",
}

project = "cofactor"
version = release = cofactor.__version__
project_copyright = "the authors of cofactor, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"cofactor {release}"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7fb2ee", "color-brand-content": "#7fb2ee"},
}
myst_heading_anchors = 4  # the anchors that a forge gives to headings
nitpicky = False  # types in signatures are names of NumPy and of the standard library too
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"
exclude_patterns = ["conf.py"]


def public_modules() -> list[str]:
    """The modules in the table of reference.md."""
    return re.findall(r"^\| `(cofactor[\w.]*)` \|", (HERE / "reference.md").read_text(encoding="utf-8"), re.MULTILINE)


def write_reference(app: Sphinx) -> None:
    """Writes one page for each public module, with a directive for each name in its `__all__`."""
    GENERATED.mkdir(exist_ok=True)
    pages = {f"{name}.md": reference_page(name) for name in public_modules()}
    for stale in {path.name for path in GENERATED.glob("*.md")} - pages.keys():
        (GENERATED / stale).unlink()
    for file, text in pages.items():
        path = GENERATED / file
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # an unchanged page is not parsed again
            path.write_text(text, encoding="utf-8")


def reference_page(module_name: str) -> str:
    module = import_module(module_name)
    blocks = [f"# {module_name}", f"```{{eval-rst}}\n.. automodule:: {module_name}\n   :no-members:\n```"]
    for name in module.__all__:
        value = getattr(module, name)
        kind = "class" if isinstance(value, type) else "function" if callable(value) else "data"
        options = MEMBER_OPTIONS.get(kind, "")
        if module is not cofactor and name in cofactor.__all__:
            options += "\n   :no-index:"  # links lead to the page of `cofactor`
        blocks.append(f"```{{eval-rst}}\n.. auto{kind}:: {module_name}.{name}{options}\n```")
    return "\n\n".join(blocks) + "\n"


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Appends hidden tables of contents: the sections of index.md, the pages of the trainers and of the modules."""
    if page == "index":
        for section in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
            title = section.partition("\n")[0]
            source[0] += toctree(re.findall(r"\((\w[\w-]*)\.md\)", section), f":caption: {title}\n")
    elif page == "trainers":
        source[0] += toctree(re.findall(r"\((trainers/[\w-]+)\.md\)", source[0]))
    elif page == "reference":
        source[0] += toctree([f"reference/{name}" for name in public_modules()])


def toctree(pages: list[str], options: str = "") -> str:
    entries = "\n".join(dict.fromkeys(pages))
    return f"\n\n```{{toctree}}\n:hidden:\n{options}\n{entries}\n```\n"


def render_markdown(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Turns a docstring in Markdown into reStructuredText: code spans, indented examples, and no other markup."""
    if what == "data" and value.__doc__ == type(value).__doc__ and lines[0] in str(value.__doc__):
        lines.clear()  # the docstring of the type
    result: list[str] = []
    was_code = False
    for line in lines:
        is_code = line.startswith("    ") or (was_code and not line)
        if is_code and not was_code:
            result += ["", "::", ""]
        elif was_code and not is_code:
            result.append("")
        result.append(line if is_code else escape(line))
        was_code = is_code
    lines[:] = result


def shorten_types(
    app: Sphinx, what: str, name: str, value: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Writes the type of an array as `NDArray[float32]`."""
    pattern = re.compile(r"~?[\w.]*ndarray\[tuple\[~?[\w.]*Any, \.\.\.\], ~?[\w.]*dtype\[~?(?:\w+\.)*(\w+?)_?\]\]")
    return signature and pattern.sub(r"NDArray[\1]", signature), returned and pattern.sub(r"NDArray[\1]", returned)


def escape(line: str) -> str:
    """A line of Markdown as reStructuredText: `code` becomes ``code``, and what would be markup is escaped."""
    parts = re.split(r"(`[^`]+`)", line)
    return "".join(f"`{part}`" if n % 2 else re.sub(r"([*|\\_`])", r"\\\1", part) for n, part in enumerate(parts))


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", write_reference)
    app.connect("source-read", add_navigation)
    app.connect("autodoc-process-docstring", render_markdown)
    app.connect("autodoc-process-signature", shorten_types)
