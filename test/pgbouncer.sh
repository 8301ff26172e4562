#!/usr/bin/env bash
# A PgBouncer that keeps prepared statements in transaction mode (1.21 or later), as a folder on the standard output.
#
#   test/pgbouncer.sh FOLDER
#
# It is the one of /usr/sbin or PATH if that is new enough, else one that is built in FOLDER, out of the source package of
# the distribution: the stable Debian of 2023 has 1.18. Building needs Debian or a child of it, its mirror, curl, make and a
# C compiler; the libraries are installed where we are root.
#
# The exit code is 3 where there is none and none can be built.
set -eu
export LC_ALL=C
VERSION=1.24.1
SHA256=da72a3aba13072876d055a3e58dd4aba4a5de4ed6148e73033185245598fd3e0
OLDEST=1.21

folder=${1:?usage: test/pgbouncer.sh FOLDER}

new_enough() { # new_enough PROGRAM
  [ -x "$1" ] || return 1
  local has
  has=$("$1" --version 2>/dev/null | sed -n 's/^PgBouncer //p')
  [ -n "$has" ] && [ "$(printf '%s\n%s\n' "$OLDEST" "$has" | sort -V | head -n 1)" = "$OLDEST" ]
}
cannot() {
  echo "pgbouncer: $1" >&2
  exit 3
}

for program in /usr/sbin/pgbouncer "$(command -v pgbouncer || true)" "$folder/pgbouncer"; do
  if new_enough "$program"; then
    dirname "$program"
    exit 0
  fi
done

for program in apt-get curl make cc sha256sum tar; do
  command -v "$program" >/dev/null || cannot "$program is missing"
done
if ! { pkg-config --exists libevent && pkg-config --exists openssl; } 2>/dev/null; then
  [ "$(id -u)" = 0 ] || cannot 'install libevent-dev, libssl-dev and pkg-config'
  libraries=(libevent-dev libssl-dev pkg-config)
  { apt-get install --yes --no-install-recommends "${libraries[@]}" ||
    { apt-get update && apt-get install --yes --no-install-recommends "${libraries[@]}"; }; } >&2 ||
    cannot 'its libraries cannot be installed'
fi

mkdir -p "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The distribution says itself where its packages are.
mirrors=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | sort -u)
got=
for mirror in $mirrors; do
  source=${mirror%/}/pool/main/p/pgbouncer/pgbouncer_$VERSION.orig.tar.gz
  if curl --fail --silent --location --max-time 120 --output "$scratch/source" "$source" &&
    echo "$SHA256  $scratch/source" | sha256sum --check --quiet - >&2; then
    got=1
    break
  fi
done
[ -n "$got" ] || cannot "no mirror has the source of $VERSION"
tar --extract --gzip --directory "$scratch" --strip-components 1 --file "$scratch/source"
(cd "$scratch" && ./configure --without-cares && make pgbouncer) >"$folder/build.log" 2>&1 || {
  tail -n 20 "$folder/build.log" >&2
  exit 1
}
cp "$scratch/pgbouncer" "$folder/pgbouncer.new"
mv "$folder/pgbouncer.new" "$folder/pgbouncer"
echo "$folder"
