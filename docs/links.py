#!/usr/bin/env python3
"""Checks the links of all Markdown files of the repository: that what a relative link names is there, and its anchor too; and
that docs/SUMMARY.md names every page under docs/.

    docs/links.py
"""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
SUMMARY = ROOT / "docs" / "SUMMARY.md"
# Folders under docs/ that have no pages.
NO_PAGES = {"asyncapi"}

FENCE = re.compile(r"^\s*(```+|~~~+)")
CODE = re.compile(r"(`+).+?\1")
INLINE = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINED = re.compile(r"^ {0,3}\[[^\]^][^\]]*\]:\s*<?([^\s>]+)")
USED = re.compile(r"\[([^\[\]]+)\]\[([^\[\]]*)\]")
LABEL = re.compile(r"^ {0,3}\[([^\]^][^\]]*)\]:\s")
HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
HTML_ID = re.compile(r"\b(?:id|name)=\"([^\"]+)\"")
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def files():
    """All Markdown files that git knows or would add."""
    asked = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"]
    names = subprocess.run(asked, check=True, capture_output=True).stdout.decode().split("\0")
    return sorted(path for name in names if name and (path := ROOT / name).exists())


def prose(path):
    """The lines that are not in a block of code, by their numbers."""
    fence = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        mark = FENCE.match(line)
        if fence is None and mark:
            fence = mark[1]
        elif fence is not None:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
        else:
            yield number, line


def slug(heading):
    """The anchor of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    return "".join(one for one in text.lower().replace(" ", "-") if one.isalnum() or one in "-_")


@cache
def anchors(path):
    found = {}
    every = set()
    for _, line in prose(path):
        heading = HEADING.match(line)
        if heading:
            name = slug(heading[2])
            count = found.get(name, 0)
            found[name] = count + 1
            every.add(f"{name}-{count}" if count else name)
        every.update(HTML_ID.findall(line))
    return every


def links(path):
    """The links of a file by their lines, and the labels that are used and not defined."""
    labels = {match[1].lower() for _, line in prose(path) if (match := LABEL.match(line))}
    for number, line in prose(path):
        bare = CODE.sub(lambda code: "`" * len(code[0]), line)
        for target in INLINE.findall(bare) + DEFINED.findall(bare):
            yield number, target
        for text, label in USED.findall(bare):
            if (label or text).lower() not in labels:
                yield number, None


def fault(path, target):
    """What is wrong with a link; none where nothing is."""
    if target is None:
        return "a label that is not defined"
    if SCHEME.match(target) or target.startswith("//"):
        return None
    name, _, anchor = unquote(target).partition("#")
    there = (path.parent / name).resolve() if name else path
    if name.startswith("/"):
        return f"{target}: is not relative"
    if not there.is_relative_to(ROOT):
        return f"{target}: leads out of the repository"
    if not there.exists():
        return f"{target}: there is no such file"
    if anchor and there.suffix == ".md" and anchor not in anchors(there):
        return f"{target}: there is no such heading"
    return None


def main():
    if sys.argv[1:]:
        sys.exit(__doc__)
    faults, checked = [], 0
    pages = files()
    for path in pages:
        for number, target in links(path):
            checked += 1
            wrong = fault(path, target)
            if wrong:
                faults.append(f"{path.relative_to(ROOT)}:{number}: {wrong}")
    docs = SUMMARY.parent
    listed = {(docs / target.partition("#")[0]).resolve() for _, target in links(SUMMARY) if target}
    for path in pages:
        inside = path.relative_to(docs).parts if path.is_relative_to(docs) else ()
        if inside and inside[0] not in NO_PAGES and path != SUMMARY and path not in listed:
            faults.append(f"docs/SUMMARY.md: {path.relative_to(docs)} is not in it")
    for line in faults:
        print(line)
    print(f"{len(pages)} files, {checked} links, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
