#!/bin/sh
# Copies the manifests of the workspace, each with sources that do nothing: what cargo needs to build what they depend on.
#
#   docker/manifests.sh FOLDER      # in an image's build, from the root of the repository
#
# Tests and examples are left out, so that a new one changes nothing here.
set -eu
to=$1
mkdir -p "$to"
find . -type f \( -name Cargo.toml -o -name Cargo.lock -o -path './.cargo/*' \) -exec cp --parents {} "$to" \;
find "$to" -name Cargo.toml -exec sed -i '/^\[\[\(test\|example\|bench\)\]\]/,/^$/d' {} +
find . -type f \( -path '*/src/lib.rs' -o -path '*/src/main.rs' -o -path '*/build.rs' \) | while IFS= read -r file; do
  mkdir -p "$to/${file%/*}"
  echo 'fn main() {}' >"$to/$file"
done
# Some engines look at the times, too.
find "$to" -exec touch -d @0 {} +
