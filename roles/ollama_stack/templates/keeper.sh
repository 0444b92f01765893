# The keeper: the command of ollama-warm, which the compose file holds from the first empty line on.

# One log line per change; the healthcheck reads the same file.
state() {
  [ "$*" != "$last" ] || return 0
  last="$*"
  echo "warm: $*"
  echo "$*" >/tmp/state.new && mv /tmp/state.new /tmp/state
}
clock() { date +%s; }
last="" backoff=0 not_before=0
while true; do
  pause=10 cold="" warm=""
  # Seconds for a host that has no time: a server that hangs is found all the same.
  if seen=$(timeout 20 ollama ps 2>/dev/null </dev/null); then
    for model in $ARCHIV_MODELS; do
      # NAME ID SIZE PROCESSOR CONTEXT UNTIL; a client that asks for another context reloads the model.
      line=$(echo "$seen" | grep -i "^$(echo "$model" | sed 's/[.]/\\./g') " | grep ' Forever *$' | tr -s ' ')
      line=${line%% Forever*}
      if [ -n "$line" ]; then warm="$warm $model (context ${line##* })"; else cold="${cold:-$model}"; fi
    done
  else
    cold=server
  fi
  if [ -z "$cold" ]; then
    state "resident:$warm"
    backoff=0
  elif [ "$cold" = server ]; then
    state "waiting: Ollama does not answer"
  # Asked first, because `run` pulls a model that is missing.
  elif ! timeout 20 ollama show "$cold" >/dev/null 2>&1 </dev/null; then
    state "waiting: $cold is not in the store"
  elif [ "$(clock)" -ge "$not_before" ]; then
    # Once it has failed that stays its state, so that the log does not repeat itself.
    case $last in failing*) ;; *) state "loading: $cold" ;; esac
    # Without the flag a loaded model keeps its old end; "-1" without a unit is an error.
    if timeout 1800 ollama run --keepalive -1m "$cold" "" >/dev/null 2>/tmp/error </dev/null; then
      pause=1
    else
      error=$(tail -n 1 /tmp/error)
      state "failing: $cold does not load: ${error##*Error: }"
      pause=5
    fi
    # 5 s to 5 min, by threes: a limit too small costs at most 4 kills in 2 minutes.
    not_before=$(($(clock) + (backoff > 0 ? backoff : 5)))
    backoff=$((backoff > 0 ? backoff * 3 : 15))
    [ "$backoff" -le 300 ] || backoff=300
  else
    pause=2
  fi
  sleep "$pause"
done
