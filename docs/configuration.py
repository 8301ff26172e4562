#!/usr/bin/env python3
"""Writes docs/configuration.md from config/config.example.yaml, which has every setting with its default.

    docs/configuration.py           # writes the page
    docs/configuration.py --check   # fails where the page is stale
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "config" / "config.example.yaml"
PAGE = ROOT / "docs" / "configuration.md"

HEAD = """<!-- Made by docs/configuration.py from config/config.example.yaml: change that file, then run the script. -->

# Settings

From [config/config.example.yaml](../config/config.example.yaml). How files, variables and
secrets come together, and what a reload applies, is in [crates/runtime/README.md](../crates/runtime/README.md);
`gateway config check` says what is wrong with settings, `gateway config show` prints those in force, without secrets.
"""

# name: value # comment
ENTRY = re.compile(r'^( *)([^\s#:][^:#]*):(?: +("[^"]*"|\[[^\]]*\]|[^#\s][^#]*?))?(?: +# (.*))?$')
COMMENT = re.compile(r"^( *)# ?(.*)$")


class Page:
    """The lines of the page: tables, and what stands between them."""

    def __init__(self):
        self.lines = []
        self.table = False
        self.code = False

    def end(self):
        """Ends a table or a block of code."""
        if self.code:
            self.lines.append("```")
        if self.table or self.code:
            self.lines.append("")
        self.table = self.code = False

    def text(self, text):
        self.end()
        self.lines += [text, ""]

    def example(self, line):
        if not self.code:
            self.end()
            self.lines.append("```yaml")
            self.code = True
        self.lines.append(line)

    def row(self, path, default, what):
        if not self.table:
            self.end()
            self.lines += ["| setting | default | what |", "|---|---|---|"]
            self.table = True
        default = f"`{default}`" if default else "empty"
        self.lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in (f"`{path}`", default, what)) + " |")


def sentence(text):
    """A comment as a sentence of its own."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")


def render(source):
    page = Page()
    page.lines += [HEAD]
    lines = source.splitlines()
    stack = []  # (indent, name) of the tables that a line is in
    prose = []

    def flush():
        if prose:
            page.text(" ".join(prose))
            prose.clear()

    for number, line in enumerate(lines):
        comment = COMMENT.match(line)
        if comment:
            indent, text = comment.groups()
            if indent and re.match(r"- \w+: |  \w+: ", text):
                flush()
                page.example(text)
            elif text:
                prose.append(text)
            else:
                flush()
            continue
        if not line.strip():
            flush()
            continue
        entry = ENTRY.match(line)
        if not entry:
            sys.exit(f"{SOURCE.name}:{number + 1}: this line is not understood: {line}")
        indent, name, default, what = len(entry[1]), entry[2], entry[3], entry[4] or ""
        following = next((one for one in lines[number + 1:] if one.strip() and not COMMENT.match(one)), "")
        is_table = default is None and len(following) - len(following.lstrip()) > indent
        stack = [one for one in stack if one[0] < indent]
        path = ".".join([one[1] for one in stack] + [name])
        flush()
        if is_table and indent == 0:
            page.text(f"## {name}")
            if what:
                page.text(sentence(what))
            stack.append((indent, name))
        elif is_table:
            if what:
                page.text(f"`{path}`: {what}.")
            stack.append((indent, name))
        else:
            page.row(path, default, what)
    flush()
    page.end()
    return "\n".join(page.lines).rstrip("\n") + "\n"


def main():
    page = render(SOURCE.read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            sys.exit("docs/configuration.md is stale: run docs/configuration.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
