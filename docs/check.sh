#!/usr/bin/env bash
# Checks the documents: links, anchors and the book's contents, the reference of settings, and both AsyncAPI files against
# their parser, their examples and the sources. Needs python3; and npm, without which AsyncAPI is left out: then it ends with 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 docs/links.py
python3 docs/configuration.py --check
# The book: Debian has no mdbook, so it is built only where there is one, and no other check waits for that.
if command -v mdbook >/dev/null; then
  book=$(mktemp -d)
  trap 'rm -rf "$book"' EXIT
  mdbook build --dest-dir "$book" docs
else
  echo 'mdbook is not here: the book was not built'
fi
if command -v npm >/dev/null; then
  # Not below docs/: the book would have its modules.
  cd test/asyncapi
  npm ci --silent --no-audit --no-fund
  npm run --silent check
else
  echo 'npm is not here: the AsyncAPI files were not checked' >&2
  exit 3
fi
