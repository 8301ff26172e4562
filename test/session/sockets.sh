# The words of a session for WebSockets: connect, say, want.
# shellcheck shell=bash disable=SC2034,SC2154

ws_here() { # ws_here WHAT: whether there is a client; otherwise WHAT is left out
  [ -x "$WS" ] || { skip "$1" "there is no client: cargo build --example ws"; return 1; }
}
ws_connect() { # ws_connect WHO [QUERY [TOKEN]]: a connection
  ws_who=$1 ws_kept=()
  turn_to "$WS_URL${2-}"
  coproc SOCKET { "$WS" "$turned" ${3:+"$3"} 2>&1; }
  ws_pid=$SOCKET_PID ws_in=${SOCKET[1]} ws_out=${SOCKET[0]}
}
ws_open() { # ws_open [WHO]: a connection, signed in with a header where WHO is given
  if [ $# -eq 0 ]; then ws_connect nobody; else ws_connect "$1" '' "$(token_of "$1")"; fi
}
ws_say() { # ws_say FRAME: one frame; !binary is a binary one
  asked="$ws_who: ws ${1:0:90}"
  case $1 in *'"token"'*) asked="$ws_who: ws ${1%%\"token\"*}" ;; esac
  printf '%s\n' "$1" >&"$ws_in"
}
ws_holds() { # ws_holds FRAME TEXT...: whether it has every text
  local want
  for want in "${@:2}"; do [[ $1 == *"$want"* ]] || return 1; done
}
# ws_want TEXT...: one step: the next frame that has every text; body is that frame, which the transcript gets. Frames that
# others came before are kept, as answers and channels overtake one another.
ws_want() {
  local number frame=''
  for number in "${!ws_kept[@]}"; do
    if ws_holds "${ws_kept[number]}" "$@"; then
      body=${ws_kept[number]}
      unset "ws_kept[$number]"
      transcribe "$ws_who WS $*" "$body"
      verdict '' ''
      return
    fi
  done
  while IFS= read -r -t 10 frame <&"$ws_out"; do
    if ws_holds "$frame" "$@"; then
      body=$frame
      transcribe "$ws_who WS $*" "$body"
      verdict '' ''
      return
    fi
    ws_kept+=("$frame")
    [[ $frame != closed* && $frame != refused* && $frame != broken* ]] || break
  done
  body="of ${#ws_kept[@]} that came: ${ws_kept[*]: -3}"
  verdict " want a frame with $*;" ''
}
ws_close() { # ends the connection, and waits for that
  exec {ws_in}>&-
  wait "$ws_pid" 2>/dev/null
}
ws_order() { # ws_order ID PRICE [QUANTITY]: the request that places a bid
  echo "{\"id\":$1,\"op\":\"place\",\"order\":$(json "symbol=$symbol" side=BUY order_type=LIMIT "quantity=${3:-1}" "price=$2")}"
}
