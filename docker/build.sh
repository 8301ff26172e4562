#!/bin/sh
# Builds the programs, in an image's build, with what the last build left in /build.
#
#   docker/build.sh DEPENDENCIES PROGRAMS      # from the root of the repository
#
# DEPENDENCIES is the target folder that a first build goes on from; PROGRAMS gets the programs. Cargo goes by the times of
# files, and a checkout may be older than the build before it: only what differs is copied over the sources of that build,
# and so is newer.
set -eu
dependencies=$1 programs=$2 given=$PWD
export given
mkdir -p /build/src
# shellcheck disable=SC2016 # the inner shell's
find . -type f -exec sh -c 'for file; do
    cmp -s "$file" "/build/src/$file" && continue
    mkdir -p "/build/src/${file%/*}" && cp "$file" "/build/src/$file" || exit 1
  done' sh {} +
cd /build/src
# shellcheck disable=SC2016
find . -type f -exec sh -c 'for file; do [ -e "$given/$file" ] || rm "$file"; done' sh {} +
if [ ! -e /build/target ]; then
  rm -rf /build/new
  cp -a "$dependencies" /build/new
  mv /build/new /build/target
fi
cargo build --release --locked --package gateway --package matcher --package wallet-service
mkdir -p "$programs/data"
for program in gateway matcher wallet-service; do
  cp "/build/target/release/$program" "$programs/$program"
done
