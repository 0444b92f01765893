# The init: the command of ollama-model-init, which the compose file holds from the first empty line on. BEHIND_LOGIN becomes
# the models whose registries ask for a login; where there are none, the whole `case` is left out.
# shellcheck disable=SC2015 # die ends it in both cases
# shellcheck disable=SC2174 # the folder above is the volume itself

say() { echo "model-init: $*"; }
die() { say "$*"; exit 1; }
umask 022
# The lock's folder is root's alone: whoever can open a lock can hold it.
mkdir -p "$OLLAMA_MODELS/manifests" "$OLLAMA_MODELS/blobs" && mkdir -p -m 0700 /ollama-models/.archiv \
  || die "cannot write to the models' volume"

ollama serve >/tmp/serve.log 2>&1 &
server=$!
tries=0
until ollama list >/dev/null 2>&1; do
  kill -0 "$server" 2>/dev/null || die "ollama serve ended: $(tail -n 1 /tmp/serve.log)"
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || die "ollama serve does not answer: $(tail -n 1 /tmp/serve.log)"
  sleep 0.1
done

# `show` wants the exact name and opens the weights; `list` matches prefixes and lists what is gone.
cached() { ollama show "$1" >/dev/null 2>&1; }
for model in $ARCHIV_MODELS; do
  if cached "$model"; then say "$model is cached"; continue; fi
  # One writer at a time, deploys on the host included.
  lock=/ollama-models/.archiv/lock
  [ -f "$lock" ] || [ ! -e "$lock" ] || die "$lock is not a file; look at what it is and remove it"
  exec 9>>"$lock"
  if command -v flock >/dev/null; then
    flock -w 600 9 || die "another writer has held the models' lock for 600 s; let it end, then start again"
  fi
  if ! cached "$model"; then
    say "$model is not cached, pulling it"
    if ! ollama pull "$model" >/tmp/pull.log 2>&1 9>&-; then
      error=$(tail -n 1 /tmp/pull.log)
      case "$model" in BEHIND_LOGIN)
        error="${error##*Error: }; ollama pull cannot log in to its registry, run playbooks/deploy.yml" ;;
      esac
      die "the pull of $model failed: ${error##*Error: }"
    fi
  fi
  # `pull` prints success over damaged weights that have the right name.
  cached "$model" || die "$model is damaged and a pull does not mend it; run playbooks/deploy.yml"
  exec 9>&-
  say "$model is there"
done
