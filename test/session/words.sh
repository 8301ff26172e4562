# The words of a session: users, requests, expectations.
# shellcheck shell=bash disable=SC2034,SC2154

passed=0
failed=0
opened=''   # markets of this session
left_out='' # what was not tried, and why

# --- users and ids ------------------------------------------------------------------------------------------------

hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; } # hex BYTES
uuid() { # a random UUID
  local h
  h=$(hex 16)
  echo "${h:0:8}-${h:8:4}-4${h:13:3}-a${h:17:3}-${h:20:12}"
}
run=$(hex 4)

plain_user() { # plain_user NAME [SCOPE]: a fresh user with a token; then NAME can ask, and id_of NAME is its id
  local id token
  id=$(uuid)
  token=$("$GATEWAY" token "$id" ${2+--scope "$2"}) || { echo 'session: no token could be made' >&2; exit 2; }
  eval "id_$1=\$id token_$1=\$token"
  private "$token"
}
tier=session # of whoever may ask as often as the session does
user() { # user NAME [SCOPE]: a plain user in the session's tier
  plain_user "$@"
  send operator PUT "$ADMIN/api/v1/admin/accounts/$(id_of "$1")" "{\"tier\":\"$tier\"}"
  [ "$status" = 200 ] || { echo "session: no tier for $1: $status $body" >&2; exit 2; }
}
id_of() { local name="id_$1"; echo "${!name}"; }
token_of() { local name="token_$1"; echo "${!name}"; }

# --- requests -----------------------------------------------------------------------------------------------------

# send WHO METHOD URL [BODY [CURL ARGUMENT...]]: sets status, body, headers; $order is the last order named in an answer.
# WHO is a user, or nobody.
send() {
  local who=$1 method=$2 url=$3
  local -a given=()
  [ "$who" = nobody ] || given+=(-H "Authorization: Bearer $(token_of "$who")")
  if [ $# -ge 4 ] && [ -n "$4" ]; then
    printf '%s' "$4" >"$scratch/request"
    given+=(-H 'Content-Type: application/json' --data-binary "@$scratch/request")
  fi
  [ $# -gt 4 ] && given+=("${@:5}")
  turn_to "$url"
  : >"$scratch/body"
  status=$(curl -s --max-time 30 -X "$method" -o "$scratch/body" -D "$scratch/headers" -w '%{http_code}' \
    ${given[@]+"${given[@]}"} "$turned")
  body=$(<"$scratch/body")
  headers=$(tr -d '\r' <"$scratch/headers")
  transcribe "$who $method ${url#http*://*/}${4:+ $4}" "$status $body"
}

turns=0
# turn_to URL: where another gateway of the same exchange is named, requests go to one and the other in turn; sets turned.
turn_to() {
  turned=$1
  [ -n "${ALSO_PUBLIC-}" ] || return 0
  turns=$((turns + 1))
  ((turns % 2)) && return 0
  case $1 in
    "$PUBLIC"*) turned=$ALSO_PUBLIC${1#"$PUBLIC"} ;;
    "$ADMIN"*) turned=${ALSO_ADMIN:-$ADMIN}${1#"$ADMIN"} ;;
    "$WS_URL"*) turned=${ALSO_WS_URL:-ws${ALSO_PUBLIC#http}/ws}${1#"$WS_URL"} ;;
  esac
}

# transcribe REQUEST ANSWER: notes both in TRANSCRIPT, without what differs from session to session: names that it made up
# itself, times, tokens and secrets, balances' versions, sequences. Ids stay: whoever compares two transcripts numbers them.
transcribe() {
  [ -n "${TRANSCRIPT-}" ] || return 0
  printf '%s\n%s\n' "$1" "$2" | sed -E \
    -e "s/$run/RUN/gI" \
    -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/TIME/g' \
    -e 's/eyJ[A-Za-z0-9_.-]+/TOKEN/g' \
    -e 's/"(version|number|[a-z_]*seq)":[0-9]+/"\1":N/g' \
    -e 's/[0-9a-f]{16,}/HEX/g' >>"$TRANSCRIPT"
}

ask() { # ask WHO METHOD PATH [BODY [CURL ARGUMENT...]]: of the public API
  asked="$1: $2 $3${4:+ ${4:0:100}}"
  send "$1" "$2" "$PUBLIC$3" "${@:4}"
}
admin() { # admin WHO METHOD PATH [BODY]: below /api/v1/admin, of the operators' API
  asked="$1: $2 admin$3${4:+ ${4:0:100}}"
  send "$1" "$2" "$ADMIN/api/v1/admin$3" "${@:4}"
}

json() { # json NAME=VALUE...: an object of texts; true, false and null are themselves
  local pair value sep='' out='{'
  for pair in "$@"; do
    value=${pair#*=}
    case $value in true | false | null) ;; *) value="\"$value\"" ;; esac
    out="$out$sep\"${pair%%=*}\":$value"
    sep=,
  done
  echo "$out}"
}

# place WHO SIDE TYPE [NAME=VALUE...]: an order in $symbol, unless another one is named
place() {
  local who=$1 side=$2 type=$3 in="symbol=$symbol"
  shift 3
  case " $*" in *' symbol='*) in='' ;; esac
  ask "$who" POST /api/v1/orders "$(json ${in:+"$in"} "side=$side" "order_type=$type" "$@")"
  asked="$who: $side $type $*"
  case $status in 2*) order=$(field order_id) ;; esac
}
amend() { # amend WHO ORDER [NAME=VALUE...]
  ask "$1" PATCH "/api/v1/orders/$2" "$(json "${@:3}")"
  asked="$1: amend ${*:3}"
}
cancel() { # cancel WHO ORDER
  ask "$1" DELETE "/api/v1/orders/$2"
  asked="$1: cancel"
}
look() { # look WHO ORDER [WHY]
  ask "$1" GET "/api/v1/orders/$2"
  asked="$1: look${3:+: $3}"
}
clear_book() { # clear_book WHO...: takes out what they have in $symbol; no step of its own
  local who
  for who in "$@"; do send "$who" DELETE "$PUBLIC/api/v1/orders?symbol=$dashed"; done
}
depth() { # depth [LEVELS]
  ask nobody GET "/api/v1/markets/$dashed/depth${1:+?limit=$1}"
  asked='depth'
}
state() { # state WORD
  admin operator PUT "/markets/$dashed/state" "$(json "state=$1")"
  [ "$status" = 200 ] && heard_everywhere "$1"
}
heard_everywhere() { # heard_everywhere STATE: every gateway has heard of it, or two seconds are over
  local gateway
  for gateway in "$PUBLIC" ${ALSO_PUBLIC:+"$ALSO_PUBLIC"}; do
    for _ in $(seq 20); do
      curl -s --max-time 5 "$gateway/api/v1/markets/$dashed" | grep -q "\"state\":\"$1\"" && break
      sleep 0.1
    done
  done
}
deposit() { # deposit USER ASSET AMOUNT [KEY]
  admin operator POST /deposits "$(json "key=${4-$(uuid)}" "user_id=$(id_of "$1")" "asset=$2" "amount=$3")"
  asked="operator: deposit $3 $2 for $1"
}
withdraw() { # withdraw USER ASSET AMOUNT [KEY]
  admin operator POST /withdrawals "$(json "key=${4-$(uuid)}" "user_id=$(id_of "$1")" "asset=$2" "amount=$3")"
  asked="operator: withdraw $3 $2 of $1"
}
balance() { # balance USER ASSET: sets body to that balance alone
  ask "$1" GET /api/v1/balances
  asked="$1: balance of $2"
  body=$(printf '%s' "$body" | tr '{' '\n' | grep "\"asset\":\"$2\"") || body='{"available_balance":"0","reserved_balance":"0"}'
}

# --- expectations -------------------------------------------------------------------------------------------------

field() { # field NAME: of the answer; numbers, null and lists as they stand
  if [[ $body =~ \"$1\":\"([^\"]*)\" ]]; then
    echo "${BASH_REMATCH[1]}"
  elif [[ $body =~ \"$1\":([^,}]*) ]]; then
    echo "${BASH_REMATCH[1]}"
  fi
}

# expect STATUS [EXPECTATION...]: one step. NAME=VALUE a field; NAME!=VALUE its opposite; +TEXT or -TEXT: the body has it
# or has it not; ^TEXT: the headers have it.
expect() {
  local want name value wrong='' told=''
  [ "$status" = "$1" ] || wrong=" want status $1;"
  shift
  for want in "$@"; do
    case $want in
      +*) [[ $body == *"${want:1}"* ]] || wrong="$wrong want ${want:1};" ;;
      -*) [[ $body != *"${want:1}"* ]] || wrong="$wrong do not want ${want:1};" ;;
      # Who stands between may write names in its own way.
      ^*) grep -qiF -- "${want:1}" <<<"$headers" || wrong="$wrong want header ${want:1};" ;;
      *!=*)
        name=${want%%!=*} value=${want#*!=}
        [ "$(field "$name")" != "$value" ] || wrong="$wrong do not want $name $value;"
        ;;
      *=*)
        name=${want%%=*} value=${want#*=}
        [ "$(field "$name")" = "$value" ] || wrong="$wrong want $name $value;"
        ;;
    esac
  done
  case $status in
    2*) told=$(field status) ;;
    *) told=$(field code) ;;
  esac
  verdict "$wrong" "$status ${told:-}"
}

# same NAME WANT HAVE: one step that compares two texts
same() {
  asked=$1
  if [ "$2" = "$3" ]; then verdict '' ''; else verdict " want $2; have $3" ''; fi
}

verdict() { # verdict WRONG TOLD
  if [ -z "$1" ]; then
    passed=$((passed + 1))
    printf 'ok      %-90s %s\n' "$asked" "$2"
  else
    failed=$((failed + 1))
    printf 'FAILED  %-90s %s:%s %s\n' "$asked" "$2" "$1" "$body"
  fi
}

private() { # private TEXT: something that neither logs nor metrics may hold; noted where whoever looks can read it
  [ -z "${PRIVATE-}" ] || printf '%s\n' "$1" >>"$PRIVATE"
}

skip() { # skip WHAT WHY: a whole piece of the session cannot be done here
  echo "skipped $1: $2"
  left_out="$left_out${left_out:+; }$1 ($2)"
}

# --- money --------------------------------------------------------------------------------------------------------

units() { # units DECIMAL: in 1e-8
  local whole=${1%%.*} rest=''
  case $1 in *.*) rest=${1#*.} ;; esac
  rest="${rest}00000000"
  echo $((10#$whole * 100000000 + 10#${rest:0:8}))
}

utc() { # utc SECONDS: in RFC 3339
  date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$1" +%Y-%m-%dT%H:%M:%SZ
}
