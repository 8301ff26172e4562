#!/usr/bin/env bash
# Whether a release is what staging has run: its commit is on main, and each image of that commit that bears the tag of
# staging has the very digest. Asks the registry with what `docker login` has left.
#
#   deploy/staged.sh COMMIT REPOSITORY gateway=sha256:... matcher=sha256:... wallet-service=sha256:...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

(($# == 5)) || { sed -n '2,5s/^# \{0,1\}//p' "deploy/${0##*/}" >&2; exit 2; }
commit=$1 repository=$2
shift 2
[[ $commit =~ ^[0-9a-f]{40}$ ]] || { echo "$commit is no commit of 40 letters" >&2; exit 2; }
git merge-base --is-ancestor "$commit" origin/main || { echo "$commit is not on main" >&2; exit 1; }
for pair; do
  image=$repository/${pair%%=*}
  staged=$(docker buildx imagetools inspect "$image:staged-$commit" --format '{{.Manifest.Digest}}')
  if [[ $staged != "${pair#*=}" ]]; then
    echo "staging ran $image@$staged, not ${pair#*=}" >&2
    exit 1
  fi
done
echo "staging has run $commit with these images"
