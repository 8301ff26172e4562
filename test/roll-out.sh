#!/usr/bin/env bash
# Whether the scripts of deploy/ that roll out and back keep their rules: on a copy of them, with a kubectl and a docker that only
# write down what they are told. Needs git, and touches nothing but a folder of its own.
#
#   test/roll-out.sh
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# One that runs this for us, as a hook does, means another repository.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE RENDER_ONLY BACK PATIENCE

mkdir -p "$scratch/bin" "$scratch/repository/migrations/postgres"
export CALLS=$scratch/calls STAGED=$scratch/staged FAIL='' PATH=$scratch/bin:$PATH
cat >"$scratch/bin/kubectl" <<'END'
#!/usr/bin/env bash
# `kustomize` shows which image gets which digest; all else is written down, and fails where it says what $FAIL says.
if [ "$1" = kustomize ]; then
  sed -n 's/^ *newName: //p; s/^ *digest: //p' "$2/kustomization.yaml" | paste -d@ - -
  exit
fi
said=$*
for ((at = 1; at < $#; at++)); do
  next=$((at + 1))
  [ "${!at}" != --filename ] || { said=${said/"${!next}"/"$(grep -c @sha256: "${!next}") images"}; }
done
echo "$said" >>"$CALLS"
[ -z "$FAIL" ] || [[ $said != *"$FAIL"* ]]
END
cat >"$scratch/bin/docker" <<'END'
#!/usr/bin/env bash
# The digests that a registry has: a line IMAGE DIGEST for each.
[ "$1 $2 $3" = 'buildx imagetools inspect' ] || exit 64
awk -v image="$4" '$1 == image {print $2; found = 1} END {exit !found}' "$STAGED"
END
chmod +x "$scratch/bin/kubectl" "$scratch/bin/docker"
cp -a "$root/deploy" "$scratch/repository/deploy"
# Of one that was broken off.
rm -rf "$scratch"/repository/deploy/overlays/.roll-out.*
cd "$scratch/repository"

wrong=0 checks=0
fault() {
  echo "roll-out: $1: $2" >&2
  wrong=1
}
# ends CODE WHAT COMMAND...: how a command ends, with what it said in $said
ends() {
  local wanted=$1 what=$2 code=0
  shift 2
  said=$("$@" 2>&1) || code=$?
  checks=$((checks + 1))
  [ "$code" = "$wanted" ] || fault "$what" "ended with $code, not $wanted: $said"
}
says() { # says WHAT WORDS: in $said
  [[ $said == *"$2"* ]] || fault "$1" "did not say \"$2\" but: $said"
}
called() { # called WHAT EXPECTED: what kubectl was told since the last look
  local calls
  calls=$(cat "$CALLS" 2>/dev/null || true)
  rm -f "$CALLS"
  [ "$calls" = "$2" ] || fault "$1" "kubectl was told otherwise: $(diff <(echo "$2") <(echo "$calls") || true)"
}

# deploy/roll-out.sh
commit=$(printf '%040d' 7) repository=registry.example.com/exchange
digest() { printf 'sha256:%064d' "$1"; }
images=("gateway=$(digest 1)" "matcher=$(digest 2)" "wallet-service=$(digest 3)")
rendered="$repository/gateway@$(digest 1)
$repository/matcher@$(digest 2)
$repository/wallet-service@$(digest 3)"
place=--namespace\ trade-engine-staging
apply() { echo "apply --filename 3 images --selector app.kubernetes.io/component in ($1)"; }
program() { apply "${1#*/}" && echo "rollout status $1 $place --timeout 10m"; }
migrate() {
  echo "delete job/migrations $place --ignore-not-found --wait"
  apply migrations
  echo "wait job/migrations $place --for condition=complete --timeout 10m"
}
roll() { deploy/roll-out.sh "${where:-staging}" "${which:-$commit}" "$repository" "$@"; }

ends 0 forward roll "${images[@]}"
called forward "$(apply settings,network && migrate && program deployment/auditor && program deployment/wallet &&
  program statefulset/matcher && program deployment/gateway && apply partitions,monitoring)"
BACK=1 ends 0 back roll "${images[@]}"
called back "$(apply settings,network && program deployment/gateway && program statefulset/matcher &&
  program deployment/wallet && program deployment/auditor && apply partitions,monitoring)"
FAIL='wait job' ends 1 'migrations that fail' roll "${images[@]}"
says 'migrations that fail' 'no program was touched'
called 'migrations that fail' "$(apply settings,network && migrate && echo "logs job/migrations $place --tail 50")"
FAIL='status deployment/wallet' ends 1 'a wallet that is not ready' roll "${images[@]}"
called 'a wallet that is not ready' "$(apply settings,network && migrate && program deployment/auditor && program deployment/wallet)"
# In whatever order they are given, each program gets its own.
RENDER_ONLY=1 ends 0 'only rendered' roll "${images[2]}" "${images[0]}" "${images[1]}"
[ "$said" = "$rendered" ] || fault 'only rendered' "the images are $said"
ends 2 'a tag' roll "${images[0]}" "${images[1]}" wallet-service=latest
ends 2 'a program without a digest' roll "${images[0]}" "${images[1]}" "${images[1]}"
where=nowhere ends 2 'an unknown place' roll "${images[@]}"
which=main ends 2 'a branch' roll "${images[@]}"
called 'what was refused or only rendered' ''
ends 1 'leftovers of roll-outs' compgen -G 'deploy/overlays/.roll-out.*'

# deploy/may-roll-back.sh, on a history of our own
git init --quiet .
first='' unlisted='' nearly='' listed='' rewritten=''
save() { # save NAME: a commit of everything, in the variable NAME
  git add --all
  git -c user.name=test -c user.email=test@example.com -c commit.gpgsign=false commit --quiet --message "$1"
  printf -v "$1" %s "$(git rev-parse HEAD)"
}
new=migrations/postgres/9998_new list=deploy/old-programs-run-on.txt
mkdir migrations/postgres/0001_first && echo 'CREATE TABLE a ();' >migrations/postgres/0001_first/up.sql
save first
mkdir "$new" && echo 'CREATE TABLE b ();' >"$new/up.sql"
save unlisted
# Part of a line is not its name.
printf '%s\n' 9998_new_too '# 9998_new' >>"$list"
save nearly
echo 9998_new >>"$list"
save listed
echo 'CREATE TABLE c ();' >>migrations/postgres/0001_first/up.sql
save rewritten
ends 0 'the same schema' deploy/may-roll-back.sh "$listed" "$unlisted"
# The list of the running commit counts, not the one that is checked out.
for running in "$unlisted" "$nearly"; do
  ends 1 'over a migration that is not listed' deploy/may-roll-back.sh "$running" "$first"
  says 'over a migration that is not listed' 'programs of before run on 9998_new'
done
ends 0 'over a listed migration' deploy/may-roll-back.sh "$listed" "$first"
says 'over a listed migration' 'yes: '
ends 1 'over a changed migration' deploy/may-roll-back.sh "$rewritten" "$listed"
says 'over a changed migration' '0001_first is not what it was'
ends 1 'back to a later schema' deploy/may-roll-back.sh "$first" "$listed"
ends 2 'to no commit' deploy/may-roll-back.sh "$listed" 0000000

# deploy/staged.sh
git update-ref refs/remotes/origin/main "$listed"
for pair in "${images[@]}"; do
  echo "$repository/${pair%%=*}:staged-$first ${pair#*=}"
done >"$STAGED"
ends 0 'what staging has run' deploy/staged.sh "$first" "$repository" "${images[@]}"
ends 1 'another digest' deploy/staged.sh "$first" "$repository" "${images[0]}" "${images[1]}" "wallet-service=$(digest 4)"
says 'another digest' "not $(digest 4)"
ends 1 'what staging has not run' deploy/staged.sh "$listed" "$repository" "${images[@]}"
sed "s/staged-$first/staged-$rewritten/" "$STAGED" >"$STAGED.of" && cat "$STAGED.of" >>"$STAGED"
ends 1 'a commit that is not on main' deploy/staged.sh "$rewritten" "$repository" "${images[@]}"
says 'a commit that is not on main' 'is not on main'

[ "$wrong" = 0 ] || exit 1
echo "roll-out: $checks runs of deploy/*.sh ended as they must"
