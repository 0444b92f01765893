"""What is broken on purpose, one line or two at a time, and which test must notice it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = "roles/ollama_stack/templates/docker-compose.prod.yml.j2"
INIT = "roles/ollama_stack/templates/model-init.sh"
KEEPER = "roles/ollama_stack/templates/keeper.sh"
GATE = "roles/ollama_stack/templates/gate"
UTILS = "plugins/module_utils"
UNIT = "tests/unit/plugins"
RULES = "roles/ollama_monitor/files/rules/archiv_ollama.yml"
ALERTS = "tests/unit/monitor/test_alerts.py"


class Stale(Exception):
    """A sabotage that no longer fits the source; str() says which and where."""


@dataclass(frozen=True)
class Edit:
    """One place in one file."""

    file: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        found = text.count(self.old)
        if found != 1:
            raise Stale(f"{self.file} has {self.old.strip()!r} {found} times, not once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Sabotage:
    """The test is a scenario of molecule or a unit test; only a red of this task that says this is a catch."""

    name: str
    changes: str
    edits: Sequence[Edit]
    test: str
    saying: str
    task: str = ""

    @property
    def on_a_host(self) -> bool:
        return not self.test.startswith("tests/")


def sabotaged(root: Path, sabotage: Sabotage) -> dict[str, str]:
    """The new text of each file it touches, by name; Stale where the source has moved on."""
    texts: dict[str, str] = {}
    for edit in sabotage.edits:
        texts[edit.file] = edit.applied_to(texts.get(edit.file) or (root / edit.file).read_text())
    return texts


# Nothing is done to this scenario's host that the next deploy does not undo, so one host serves all its sabotages.
STANDING = "default"
CONTRACT = "Judge them"
INVARIANT = "invariant | Judge what was seen"
LOCK_IS_FILE = Edit(f"{UTILS}/_store/lock.py", "disk.own(path, _MODE)", "disk.create(path, _MODE)")
HOSTILE = f"{UNIT}/modules/test_hostile_store.py"
RELEASES = f"{UNIT}/module_utils/_entry/test_release.py"
# Each alone is held up by the others.
LINKS_FOLLOWED = [
    Edit(
        f"{UTILS}/_store/disk.py",
        "_PLACE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC",
        "_PLACE = os.O_PATH | os.O_CLOEXEC",
    ),
    Edit(f"{UTILS}/_store/disk.py", 'flags = _FOLDER if name == "." else _FOLDER | os.O_NOFOLLOW', "flags = _FOLDER"),
    Edit(f"{UTILS}/_store/disk.py", 'follow_symlinks=name == "."', "follow_symlinks=True"),
]
BLOBS = "            proven.update(bring_blobs(shop, one, proven))\n"
NAMED = "            if one.write_manifest:\n                _write_manifest(store, one)\n"

SABOTAGES = (
    # Caught on the running containers of a first deploy.
    Sabotage(
        "restart-no",
        "services are not started again",
        [Edit("roles/ollama_stack/vars/main.yml", "ternary('no', 'always')", "ternary('no', 'no')")],
        STANDING,
        "services come back after a reboot",
        CONTRACT,
    ),
    Sabotage(
        "keep-alive-5m",
        "the server unloads an idle model after 5 minutes",
        [Edit(TEMPLATE, "OLLAMA_KEEP_ALIVE: {{ ollama_stack_keep_alive | to_json }}", 'OLLAMA_KEEP_ALIVE: "5m"')],
        STANDING,
        "ollama keeps models for ever",
        CONTRACT,
    ),
    Sabotage(
        "swap",
        "memswap_limit is not there, so Ollama may swap",
        [Edit(TEMPLATE, "    memswap_limit: ${OLLAMA_MEM_LIMIT:-{{ ollama_stack_mem_limit }}}\n", "")],
        STANDING,
        "ollama may swap",
        INVARIANT,
    ),
    Sabotage(
        "published",
        "Ollama publishes its port, and the preflight lets it",
        [
            # On an internal network alone the Engine would drop the port by itself.
            Edit(
                TEMPLATE,
                "    networks: [archiv-net]\n{% endif %}\n{% if ollama_stack_gpu",
                '    networks: [archiv-net, edge]\n    ports: ["11434:11434"]\n{% endif %}\n{% if ollama_stack_gpu',
            ),
            Edit(f"{UTILS}/_stack/preflight.py", 'if ports and name.startswith("ollama"):', "if ports and not name:"),
        ],
        STANDING,
        "ollama publishes no port",
        CONTRACT,
    ),
    Sabotage(
        "not-internal",
        "archiv-net has a way out",
        [Edit(TEMPLATE, "  archiv-net:\n    internal: true", "  archiv-net:\n    internal: false")],
        STANDING,
        "ollama has a way out",
        INVARIANT,
    ),
    Sabotage(
        "backend-waits",
        "the backend depends on Ollama, and the preflight lets it",
        [
            Edit(TEMPLATE, "\n  backend:\n", "\n  backend:\n    depends_on: {ollama: {condition: service_started}}\n"),
            Edit(f"{UTILS}/_stack/preflight.py", 'if name == "backend" and', "if not name and"),
        ],
        STANDING,
        "the backend does not wait for ollama",
        CONTRACT,
    ),
    Sabotage(
        "store-writable",
        "the server can write to the models",
        [Edit(TEMPLATE, '{{ __ollama_stack_mount }}:ro"]', '{{ __ollama_stack_mount }}"]')],
        STANDING,
        "ollama can write to a mount",
        INVARIANT,
    ),
    Sabotage(
        "processes-unlimited",
        "a container can take every process number of the host",
        [Edit(TEMPLATE, "  pids_limit: 4096\n", "")],
        STANDING,
        "ollama has no limit of processes",
        INVARIANT,
    ),
    Sabotage(
        "rights-gained",
        "a process of a container can gain rights by a program that gives them",
        [Edit(TEMPLATE, '  security_opt: ["no-new-privileges:true"]\n', "")],
        STANDING,
        "ollama may gain rights",
        INVARIANT,
    ),
    Sabotage(
        "secret-for-all",
        "everybody on the host can read the backend's secrets, and the look does not mind",
        [
            Edit("roles/ollama_stack/tasks/secrets.yml", 'mode: "0400"', 'mode: "0444"'),
            Edit(f"{UTILS}/_stack/files.py", 'query.secrets[name], "0400"', 'query.secrets[name], "0444"'),
        ],
        STANDING,
        "the secret is the backend's alone",
        CONTRACT,
    ),
    # Caught by what a host goes through.
    Sabotage(
        "pull-always",
        "every start asks the registry for images",
        [Edit(TEMPLATE, "  read_only: true\n", "  read_only: true\n  pull_policy: always\n")],
        "offline",
        "failed to do request|dial tcp|lookup registry",
        "by_hand | Go down and up",
    ),
    Sabotage(
        "guard-greps",
        "the init service trusts a name in `ollama list`",
        [Edit(INIT, 'cached() { ollama show "$1" >/dev/null 2>&1; }', 'cached() { ollama list | grep -q "$1"; }')],
        "damaged",
        "rc: 0",
        "damage | Start by hand, which must not pass it for a model",
    ),
    Sabotage(
        "hash-ignored",
        "a blob's hash is taken and not compared",
        [Edit(f"{UTILS}/_store/inspect.py", 'if "sha256:" + hashed.hex == blob.digest:', "if hashed.hex:")],
        "damaged",
        r"map\(attribute='path'\) \| sort == damage_paths",
        "damage | Judge what both say",
    ),
    Sabotage(
        "keeper-sleeps",
        "the keeper does not look again once the model is loaded",
        [
            Edit(
                KEEPER,
                '"resident:$warm"\n    backoff=0\n',
                '"resident:$warm"\n    exec sleep 86400\n',
            )
        ],
        "warm",
        "is loaded not at all",
        "wait_ready | Look until nothing is missing",
    ),
    Sabotage(
        "keeper-unpins",
        "the keeper loads without pinning",
        [Edit(KEEPER, "ollama run --keepalive -1m", "ollama run")],
        "warm",
        "is loaded [0-9]+ minutes from now",
        "wait_ready | Look until nothing is missing",
    ),
    Sabotage(
        "keeper-blind",
        "the keeper does not ask whether the model is there, and so pulls it",
        [Edit(KEEPER, 'elif ! timeout 20 ollama show "$cold" >/dev/null 2>&1 </dev/null; then', "elif false; then")],
        "warm",
        "/api/pull",
        "missing | Judge",
    ),
    Sabotage(
        "unless-stopped",
        "an Engine's crash counts as an operator's stop",
        [Edit("roles/ollama_stack/vars/main.yml", "ternary('no', 'always')", "ternary('no', 'unless-stopped')")],
        "reboot",
        "backend is exited",
        "wait_ready | Look until nothing is missing",
    ),
    Sabotage(
        "deadline-ignored",
        "the backend waits for Ollama as long as that takes",
        [
            Edit(
                "roles/ollama_stack/vars/main.yml",
                'APP_OLLAMA_TIMEOUTSECONDS: "{{ ollama_stack_backend_timeout | string }}"',
                'APP_OLLAMA_TIMEOUTSECONDS: "600"',
            )
        ],
        "degraded",
        "timed out",
        "question | Ask through the backend",
    ),
    Sabotage(
        "index-compared",
        "an image is told by the digest of its index, not by the manifest that runs",
        [
            Edit(
                f"{UTILS}/_engine/client.py",
                'image=(raw.get("ImageManifestDescriptor") or {}).get("digest") or raw.get("Image", ""),',
                'image=raw.get("Image", ""),',
            ),
            Edit(
                f"{UTILS}/_engine/client.py",
                'HostImage(frozenset((raw["Id"], *platforms))',
                'HostImage(frozenset((raw["Id"],))',
            ),
        ],
        "drifted",
        "points to a different image",
        "drift | Judge what it said and what it touched",
    ),
    Sabotage(
        "label-compared",
        "an image is told by Compose's label, whose meaning changes with its version",
        [
            Edit(
                f"{UTILS}/_engine/client.py",
                'image=(raw.get("ImageManifestDescriptor") or {}).get("digest") or raw.get("Image", ""),',
                'image=labels.get(f"{_LABEL}image") or raw.get("Image", ""),',
            ),
            Edit(
                f"{UTILS}/_engine/client.py",
                'HostImage(frozenset((raw["Id"], *platforms))',
                'HostImage(frozenset((raw["Id"],))',
            ),
        ],
        "drifted",
        "points to a different image",
        "archiv.ollama.ollama_stack : give_up | Fail where nothing goes back by itself",
    ),
    Sabotage(
        "never-connected",
        "a container that lost a network is left to Compose",
        [Edit("roles/ollama_stack/tasks/start.yml", 'loop: "{{ __ollama_stack_verdict.connect }}"', "loop: []")],
        "degraded",
        "nameless",
        "suffer | Judge that the others ran on",
    ),
    Sabotage(
        "edit-unseen",
        "an edited compose file passes for ours",
        [Edit(f"{UTILS}/_stack/judge.py", "elif file.sha256 != file.wanted_sha256:", "elif not file.wanted_sha256:")],
        "drifted",
        "drifted_way.told",
        "drift | Judge what it said and what it touched",
    ),
    Sabotage(
        "adopted-unasked",
        "what a person made is taken over without being asked",
        [Edit(f"{UTILS}/_stack/preflight.py", 'host.foreign and not inputs.get("ollama_stack_adopt", True)', "False")],
        "adopted",
        "ansible_failed_result.msg",
        "must_fail | Judge the message",
    ),
    Sabotage(
        "verify-cries",
        "bytes that were not hashed since a boot are a fault",
        [
            Edit(
                f"{UTILS}/_entry/report.py",
                '    reasons = [reason for reason in reasons if reason.action != "prove"]\n',
                "",
            )
        ],
        "reboot",
        "not verified",
        "go_down | Look with playbooks/verify.yml, as a timer does after a boot",
    ),
    Sabotage(
        "touched-unseen",
        "a file of a model that was changed since it was hashed is a note, as after a boot",
        [Edit(f"{UTILS}/_stack/judge.py", "    if changed:\n", "    if changed and not model.unproven:\n")],
        "damaged",
        r"invariant_models\[0\] in __ollama_stack_verdict\.reasons",
        "damage | Judge what both say",
    ),
    Sabotage(
        "adoption-loses",
        "what the old backend has and the new one lacks is not missed",
        [Edit(f"{UTILS}/_stack/adopt.py", "if name not in have or have[name] != value]", "if not name]")],
        "adopted",
        "ansible_failed_result.msg",
        "must_fail | Judge the message",
    ),
    Sabotage(
        "network-taken",
        "a network is made anew under the containers of others",
        [Edit(f"{UTILS}/_stack/host.py", "network_users=_look_at_networks(query, seen)", "network_users={}")],
        "adopted",
        "ansible_failed_result.msg",
        "must_fail | Judge the message",
    ),
    Sabotage(
        "engine-restarted",
        "a running Engine is restarted unasked",
        [Edit("roles/docker_engine/vars/main.yml", "docker_engine_restart | bool or __docker_engine_fresh", "true")],
        "bare",
        "engine_seen.pid == engine_before.pid",
        "Judge that it runs on, and that its file has both",
    ),
    Sabotage(
        "lock-left-behind",
        "the store's lock is a file that stays, so the next step finds it taken",
        [
            Edit(
                LOCK_IS_FILE.file,
                LOCK_IS_FILE.old,
                '(disk.create if path.endswith(".archiv/lock") else disk.own)(path, _MODE)',
            )
        ],
        "interrupted",
        r"\.archiv/lock:\s+File exists",
        "archiv.ollama.ollama_stack : give_up | Fail where nothing goes back by itself",
    ),
    Sabotage(
        "lease-without-end",
        "a lease is in force until somebody ends it, also one whose holder was killed",
        [
            Edit(
                f"{UTILS}/_stack/lease.py",
                "return self.boot == boot and now < self.until <= now + SECONDS",
                "return self.boot == boot",
            )
        ],
        f"{UNIT}/modules/ollama_lease/test_ollama_lease.py::test_lease_that_nobody_renews_is_taken_over_within_a_minute",
        "waits for longer than any lease is",
    ),
    Sabotage(
        "links-followed",
        "root follows the links in a store, in its folders' places too",
        [*LINKS_FOLLOWED, Edit(f"{UTILS}/_install/plan.py", "    if unsafe:\n", "    if unsafe and not store:\n")],
        "hostile",
        "/srv/outside",
        "untouched | Judge that nobody was there",
    ),
    Sabotage(
        "keeper-hammers",
        "the keeper tries again at once and for ever",
        [Edit(KEEPER, "not_before=$(($(clock) + (backoff > 0 ? backoff : 5)))", "not_before=0")],
        "memory",
        "oom_kills <= memory_kills",
        "Judge that the kills are counted",
    ),
    # Caught without a host.
    Sabotage(
        "receipt-survives-boot",
        "a receipt from before a boot still proves bytes",
        [Edit(f"{UTILS}/_store/receipts.py", 'if entry.get("boot") != boot:', "if not boot:")],
        f"{UNIT}/module_utils/_store/test_receipts.py::test_receipt_is_void",
        "assert 'rebooted' in ''",
    ),
    Sabotage(
        "image-unbound",
        "an image under a locked name is not compared with the lock file",
        [Edit(f"{UTILS}/_stack/locked.py", "seen.images[name].digests.isdisjoint(locked)", "not locked")],
        f"{UNIT}/module_utils/_stack/test_locked.py::test_other_image_is_not_clean_and_no_time_mends_it",
        "image_other",
    ),
    Sabotage(
        "image-guessed",
        "an image from a file is taken for the locked one",
        [Edit(f"{UTILS}/_stack/locked.py", "if name in seen.images and", "if seen.images[name].digests and")],
        f"{UNIT}/module_utils/_stack/test_locked.py::test_image_that_was_loaded_from_a_file_is_not_guessed_to_be_the_locked_one",
        "not enough values to unpack",
    ),
    Sabotage(
        "lock-shared",
        "two writers hold the store's lock at once",
        [Edit(f"{UTILS}/_store/lock.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_UN | fcntl.LOCK_NB")],
        f"{UNIT}/module_utils/_store/test_lock.py::test_second_writer_waits_no_longer_than_told_and_names_the_holder",
        "DID NOT RAISE",
    ),
    Sabotage(
        "lock-outlives-holder",
        "the lock is the file, which a killed holder leaves behind",
        [LOCK_IS_FILE],
        f"{UNIT}/module_utils/_store/test_lock.py::test_lock_of_a_killed_holder_is_free_at_once",
        "cannot open the store's lock",
    ),
    Sabotage(
        "memory-unrefused",
        "a memory limit below the model's size is let through",
        [Edit(f"{UTILS}/_stack/preflight.py", "if limit and limit < needed and", "if limit < 0 and")],
        f"{UNIT}/module_utils/_stack/test_preflight.py::test_host_that_cannot_carry_it_is_refused",
        r"assert \[\] == \[True\]",
    ),
    Sabotage(
        "compose-trusted",
        "a changed container is left to Compose, which may find it unchanged",
        [
            Edit(
                f"{UTILS}/_stack/actions.py",
                'if reason.action == "recreate"}\n    # Compose',
                'if reason.kind == "x"}\n    # Compose',
            )
        ],
        f"{UNIT}/module_utils/_stack/test_actions.py::test_compose_is_made_to_recreate_every_container_that_changed",
        "AssertionError",
    ),
    Sabotage(
        "gpu-unasked",
        "a GPU that the host does not have is let through",
        [Edit(f"{UTILS}/_stack/preflight.py", "        if missing:\n", "        if not nodes:\n")],
        f"{UNIT}/module_utils/_stack/test_preflight.py::test_gpu_that_is_not_there_is_refused",
        "not enough values to unpack|assert False",
    ),
    Sabotage(
        "look-strays",
        "the look has Compose ask the Engine that root's variables and context name",
        [Edit(f"{UTILS}/_engine/compose.py", ', "DOCKER_HOST": docker_host}', "}")],
        f"{UNIT}/modules/ollama_stack_info/test_secrets.py::test_commands_ask_the_named_engine_whatever_its_user_has_chosen",
        "DOCKER_HOST=unix://",
    ),
    Sabotage(
        "wrapper-strays",
        "a deploy's commands go to the Engine of root's context",
        [Edit("roles/ollama_stack/templates/docker.sh.j2", "DOCKER_HOST={{ __ollama_stack_engine }} ", "")],
        "tests/unit/roles/test_engine.py::test_wrapper_asks_the_hosts_engine_whatever_its_caller_has_set",
        "KeyError: 'DOCKER_HOST'",
    ),
    Sabotage(
        "largest-alone",
        "of the models that stay loaded only the largest must fit",
        [
            Edit(
                f"{UTILS}/_stack/preflight.py",
                "needed = sum(model.size + model.context for model in together)",
                "needed = max((model.size + model.context for model in together), default=0)",
            )
        ],
        f"{UNIT}/modules/ollama_stack_info/test_models.py::test_models_in_the_store_that_do_not_fit_together_are_refused",
        r"not enough values to unpack \(expected 1, got 0\)",
    ),
    Sabotage(
        "places-dropped",
        "the server is not told how many models are to stay loaded, so that a fourth would evict one",
        [
            Edit(TEMPLATE, "OLLAMA_MAX_LOADED_MODELS:", "# places:"),
        ],
        "tests/unit/roles/test_loaded_models.py::test_every_warm_model_has_a_place_and_cold_ones_share_one",
        r"'one': \[\]",
    ),
    Sabotage(
        "typo-unasked",
        "what the registry says of a model that is not in the store is not asked for",
        [
            Edit(
                f"{UTILS}/_entry/stack.py",
                'registry=read_access(params) if params["upstream"] else None',
                "registry=None",
            )
        ],
        f"{UNIT}/modules/ollama_stack_info/test_models.py::test_model_with_a_typo_is_refused",
        r"not enough values to unpack \(expected 1, got 0\)",
    ),
    Sabotage(
        "not-synced",
        "a fetched blob is named before its bytes are on the disk",
        [
            Edit(
                f"{UTILS}/_install/partial.py",
                "        os.fchmod(self.fd, 0o644)\n        os.fsync(self.fd)\n",
                "        os.fchmod(self.fd, 0o644)\n",
            )
        ],
        f"{UNIT}/modules/ollama_model/test_durability.py"
        "::test_every_name_appears_after_its_bytes_and_the_manifest_last",
        "AssertionError",
    ),
    Sabotage(
        "manifest-first",
        "a model is named before its bytes are there",
        [
            Edit(
                f"{UTILS}/_install/apply.py",
                f"{BLOBS}{NAMED}",
                f"{NAMED}{BLOBS}            if False:\n                pass\n",
            )
        ],
        f"{UNIT}/modules/ollama_model/test_durability.py::test_every_name_appears_after_its_bytes_and_the_manifest_last",
        "was not made safe",
    ),
    Sabotage(
        "credentials-follow",
        "the host a registry redirects to is shown our credentials",
        [Edit(f"{UTILS}/_registry/client.py", "if origin(url) != home:", "if not home:")],
        f"{UNIT}/modules/ollama_model/test_logins.py::test_blob_host_is_found_once_and_never_sees_credentials",
        "assert not True",
    ),
    Sabotage(
        "gate-bypassed",
        "Ollama stays on the archive's network beside the gate",
        [
            Edit(
                TEMPLATE,
                "        aliases: [ollama-server]\n",
                "        aliases: [ollama-server]\n      archiv-net: {}\n",
            )
        ],
        "gate",
        # Half of the questions to its name meet Ollama itself there.
        r"DELETE /",
        "routes | Judge the answers, and what Ollama saw",
    ),
    Sabotage(
        "gate-open",
        "the gate lets through every method and path",
        [Edit(f"{GATE}/haproxy.cfg.j2", "'unless asks question or reads light'", "'unless TRUE'")],
        "gate",
        r"DELETE /",
        "routes | Judge the answers, and what Ollama saw",
    ),
    Sabotage(
        "gate-remade",
        "a token's change restarts the gate",
        [Edit("roles/ollama_stack/tasks/gate_after.yml", "'kill', '--signal=USR2'", "'restart'")],
        "gate",
        "started_at",
        "load | Judge the change of tokens",
    ),
    Sabotage(
        "gate-asks-for-leavers",
        "questions of those who have left the queue still reach Ollama",
        [Edit(f"{GATE}/haproxy.cfg.j2", "    option abortonclose\n", "    no option abortonclose\n")],
        "gate",
        "POST /api/generate",
        "queue | Judge who reached Ollama",
    ),
    Sabotage(
        "login-for-all-tokens",
        "any token service that a registry names is shown our login",
        [Edit(f"{UTILS}/_registry/auth.py", "or is_at(login.token_host, asking)", "or True")],
        f"{UNIT}/modules/ollama_model/test_logins.py::test_token_service_elsewhere_is_shown_the_login_where_it_is_named",
        r"assert result.get\(.failed.\)",
    ),
    Sabotage(
        "login-untried",
        "a login is written before a registry has taken it",
        [Edit(f"{UTILS}/_engine/access.py", "return said if status in", "return '' if status in")],
        f"{UNIT}/modules/ollama_stack_info/test_secrets.py::test_wrong_password_is_refused_in_a_sentence",
        r"refusal\] = of_registries",
    ),
    Sabotage(
        "network-kept",
        "containers stay off a network that could not be made anew",
        [Edit("roles/ollama_stack/templates/network.sh.j2", "give_up() { connect; exit 1; }", "give_up() { exit 1; }")],
        "tests/unit/roles/test_networks.py::test_network_that_cannot_be_made_anew_is_given_back",
        "network connect",
    ),
    Sabotage(
        "keeper-mistakes",
        "the keeper takes a model whose name contains another's for that one",
        [Edit(KEEPER, 'grep -i "^$(echo', 'grep -i "$(echo')],
        "tests/unit/roles/test_keeper.py::test_another_model_or_one_that_will_go_is_not_taken_for_it",
        "At index 1 diff|Right contains|== \\['ps '",
    ),
    Sabotage(
        "dollar-eaten",
        "Compose reads a $ of the backend's environment as a variable of its own",
        [Edit("roles/ollama_stack/vars/main.yml", "map('replace', '$', '$$')", "map('replace', '$', '$')")],
        "tests/unit/roles/test_backend.py::test_dollar_of_the_environment_is_a_dollar_for_compose_too",
        "PASSWORD_HINT",
    ),
    Sabotage(
        "links-followed-by-prune",
        "root follows the links in a store, and removes what lies behind them",
        LINKS_FOLLOWED,
        f"{HOSTILE}::test_prune_over_a_link_removes_nothing_behind_it",
        "fingerprint",
    ),
    Sabotage(
        "strangers-pruned",
        "a prune takes what is neither a blob nor a download",
        [Edit(f"{UTILS}/_install/remove.py", "if is_ours(store, one) and _is_old", "if _is_old")],
        f"{HOSTILE}::test_prune_takes_only_names_that_are_ours",
        "assert",
    ),
    Sabotage(
        "owners-trusted",
        "a folder that another user owns is written in",
        [
            Edit(
                f"{UTILS}/_store/disk.py",
                "if found.st_uid not in _trusted():\n            return (",
                "if False:\n            return (",
            )
        ],
        f"{HOSTILE}::test_folder_of_another_user_is_refused_by_name",
        "belongs to nobody",
    ),
    Sabotage(
        "rotation-unseen",
        "a secret that was replaced under a running container is not noticed",
        [Edit(f"{UTILS}/_stack/files.py", "or not _is_at(sources[name], file.path)", "or not sources[name]")],
        f"{UNIT}/modules/ollama_stack_info/test_secrets.py::test_container_that_runs_with_an_old_secret_is_found",
        r"assert \(\) == \('token',\)",
    ),
    Sabotage(
        "mount-root-unseen",
        "a mount root that the server cannot enter goes unnoticed",
        [
            Edit(
                f"{UTILS}/_store/inspect.py",
                "(os.path.dirname(manifest), store.root)",
                "(store.blobs_dir, store.models_dir)",
            )
        ],
        f"{HOSTILE}::test_mount_root_that_the_server_cannot_enter_is_named_and_opened",
        r"assert \[\] ==",
    ),
    Sabotage(
        "case-matters",
        "one model under two spellings is two",
        [Edit(f"{UTILS}/_model/names.py", "tuple(part.lower() for part in self.path_parts)", "tuple(self.path_parts)")],
        f"{UNIT}/module_utils/_model/test_names.py::test_same_model_folds_case_and_defaults",
        "assert False is True",
    ),
    Sabotage(
        "file-before-fetch",
        "the compose file is replaced before the models are there",
        [
            Edit(
                "roles/ollama_stack/tasks/download.yml",
                "- name: download | Fetch the models\n",
                "- name: download | Switch too early\n  ansible.builtin.include_tasks: configure.yml\n"
                "  when: __ollama_stack_verdict.start\n\n- name: download | Fetch the models\n",
            )
        ],
        "offline",
        "not_cached_file_after.stat == not_cached_file.stat",
        "not_cached | Judge that nothing was touched",
    ),
    Sabotage(
        "scrub-idle",
        "a scrub reads every blob and compares none",
        [
            Edit(
                f"{UTILS}/_monitor/scrub.py",
                "        problem = compare(self._store, blob, path, hashed)\n",
                "        problem = None\n",
            )
        ],
        f"{UNIT}/module_utils/_monitor/test_scrub.py::test_changed_byte_is_found_though_size_and_times_are_the_same",
        "assert 0 == 1",
    ),
    Sabotage(
        "scrub-cached",
        "a scrub takes the page cache for the disk",
        [
            Edit(f"{UTILS}/_store/uncached.py", "disk.open(path, os.O_RDONLY | os.O_DIRECT)", "disk.open(path)"),
            Edit(f"{UTILS}/_store/uncached.py", "os.POSIX_FADV_DONTNEED)", "os.POSIX_FADV_NORMAL)"),
        ],
        f"{UNIT}/module_utils/_monitor/test_scrub.py"
        "::test_bit_lost_below_the_file_system_is_found_though_the_blob_is_cached",
        "assert 0 == 1",
    ),
    Sabotage(
        "mark-unread",
        "receipts outlive a boot whatever the mark in the store says",
        [Edit(f"{UTILS}/_monitor/mark.py", "!= (boot, models_dir, number):", "== (boot, models_dir, None):")],
        f"{UNIT}/module_utils/_monitor/test_mark.py::test_another_store_with_an_older_mark_voids_them",
        "is not that of the host's last shutdown",
    ),
    Sabotage(
        "mark-kept",
        "the mark of a clean shutdown counts for every boot after it",
        [Edit(f"{UTILS}/_monitor/mark.py", "    disk.remove(path)\n", "")],
        f"{UNIT}/module_utils/_monitor/test_mark.py::test_clean_reboot_keeps_the_receipts",
        "mark.json",
    ),
    Sabotage(
        "mark-any-stop",
        "a mark is written when the unit is stopped by hand, and Docker goes on",
        [Edit(f"{UTILS}/_monitor/mark.py", 'if state != "stopping":', "if not state:")],
        f"{UNIT}/module_utils/_monitor/test_mark.py::test_unit_stopped_and_started_by_hand_then_a_cut_voids_them",
        "assert",
    ),
    Sabotage(
        "inputs-last",
        "the host is looked at where a wrong input leads",
        [Edit(f"{UTILS}/_entry/stack.py", "if not wrong & RELIED_ON:", "if wrong:")],
        f"{UNIT}/modules/ollama_stack_info/test_inputs.py::test_input_that_leads_astray_is_refused_before_the_host_is_looked_at",
        "not enough values to unpack|cannot unpack|a wrong place",
    ),
    Sabotage(
        "token-a-second",
        "a look that waits asks each model for a token every second",
        [Edit(f"{UTILS}/_entry/stack.py", "tokens=clean)", "tokens=True)")],
        f"{UNIT}/modules/ollama_stack_info/test_inputs.py::test_waiting_for_a_container_asks_no_model",
        r"len\(asked\) == 2",
    ),
    Sabotage(
        "port-twice",
        "a port of the host that two services would have is let through",
        [Edit(f"{UTILS}/_stack/preflight.py", "if len(users) > 1 and", "if len(users) > 2 and")],
        f"{UNIT}/module_utils/_stack/test_inputs.py::test_port_that_two_would_have_is_refused",
        "assert False is True",
    ),
    Sabotage(
        "dead-host-awaited",
        "a host that dies while its services start is waited for as long as that may take",
        [Edit("plugins/plugin_utils/_background.py", "_LOST_SECONDS = 180.0", "_LOST_SECONDS = 3000.0")],
        f"{UNIT}/action/test_in_background.py::test_dead_host_is_given_up_long_before_the_task_would_be",
        "assert 180 <",
    ),
    Sabotage(
        "restart-untold",
        "the operator's page says that a new image of Ollama restarts nothing",
        [
            Edit(
                "docs/operations.md",
                "| `ollama_stack_image`, `ollama_stack_mem_limit`, ",
                "| `ollama_stack_mem_limit`, ",
            )
        ],
        "tests/unit/roles/test_restarts.py::test_every_row_says_what_restarts",
        "ollama_stack_image",
    ),
    Sabotage(
        "restart-unseen",
        "a restart that the operator's page does not tell passes its gate",
        [Edit("tests/operations/page.py", "if told != true:", "if told - true:")],
        "tests/unit/test_operations.py::test_what_is_not_true_is_told",
        r"AssertionError: \[\]",
    ),
    Sabotage(
        "metric-stands-still",
        "the memory of a container is told as it was when nothing was wrong, whatever it is now",
        [
            Edit(
                f"{UTILS}/_monitor/metrics.py",
                'add("memory_unreclaimable_bytes", service, memory.unreclaimable)',
                'add("memory_unreclaimable_bytes", service, 410 * 2**20)',
            )
        ],
        f"{UNIT}/module_utils/_monitor/test_metrics.py::test_each_look_writes_what_is_there_then",
        "429916160",
    ),
    Sabotage(
        "gate-believed",
        "what the gate does not tell counts as nothing, so one that answers nonsense is up and idle",
        [Edit(f"{UTILS}/_serve/gate.py", 'raise ApiError(f"its counts have no number {name}")', "return 0")],
        f"{UNIT}/module_utils/_serve/test_counts.py::test_whatever_is_said_is_counts_or_a_sentence",
        "DID NOT RAISE",
    ),
    Sabotage(
        "gate-unordered",
        "a bucket of the gate's histogram has more answers than a longer one",
        [Edit(f"{UTILS}/_monitor/metrics.py", "counts.answered), max))", "counts.answered), lambda _, last: last))")],
        f"{UNIT}/module_utils/_monitor/test_gate_metrics.py"
        "::test_answer_that_comes_while_the_gate_tells_leaves_buckets_in_order",
        "assert",
    ),
    Sabotage(
        "alert-deaf",
        "the memory alert reads a metric that nobody writes, so it never fires",
        [
            Edit(
                RULES,
                "expr: archiv_ollama_container_memory_unreclaimable_bytes /",
                "expr: archiv_ollama_memory_bytes /",
            )
        ],
        f"{ALERTS}::test_alert_reads_only_what_somebody_writes",
        "archiv_ollama_memory_bytes",
    ),
    Sabotage(
        "alert-by-the-wrong-label",
        "the age of a host's metrics is compared by a label that they do not have",
        [Edit(RULES, "> on (instance, job) 3 *", "> on (host) 3 *")],
        f"{ALERTS}::test_alert_reads_only_what_somebody_writes",
        r"\{host\}",
    ),
    Sabotage(
        "alert-unexplained",
        "an alert sends a person to a section that is not there",
        [Edit("docs/runbooks.md", "### ArchivOllamaOomKill\n", "### Out of memory\n")],
        f"{ALERTS}::test_every_alert_has_a_section_and_every_section_an_alert",
        "ArchivOllamaOomKill",
    ),
    Sabotage(
        "rolls-on",
        "a deploy goes on with the next batch after one in which a host failed",
        [Edit("playbooks/deploy.yml", "('begun' in __ollama_stack_turns or ", "(")],
        "tests/unit/playbooks/test_deploy.py::test_batch_in_which_a_host_failed_is_brought_to_its_end_and_is_the_last",
        "end e",
    ),
    Sabotage(
        "gameday-undo-missing",
        "a fault's undo has no timer, so that it ends with the controller",
        [Edit("playbooks/tasks/gameday_arm.yml", "      - --on-active={{ __gameday_undo_after }}\n", "")],
        "tests/unit/playbooks/test_gameday.py::test_undo_is_set_before_the_fault_and_run_after_it",
        "assert .--on-active=125. in",
    ),
    Sabotage(
        "gameday-in-production",
        "a game day breaks a host of production",
        [Edit("playbooks/gameday.yml", "if 'production' in group_names | map('lower') else [])", "if false else [])")],
        "tests/unit/playbooks/test_gameday.py::test_what_must_not_be_broken_is_refused_before_it_is_asked",
        "assert .*is in the group production",
    ),
    Sabotage(
        "fetched-in-place",
        "a good blob that is fetched ahead takes the place of the damaged one that a server reads",
        [Edit(f"{UTILS}/_install/ahead.py", "    served = _served(store)\n", "    served: set[str] = set()\n")],
        f"{UNIT}/modules/ollama_model/test_ahead.py::test_repair_is_fetched_beside_the_damaged_file",
        "assert",
    ),
    Sabotage(
        "good-too-early",
        "a release is called good when its switch begins",
        [Edit(f"{UTILS}/_entry/release.py", '        state="begun",\n', '        state="good",\n')],
        f"{RELEASES}::test_switch_that_was_verified_is_good_and_its_models_are_kept_before_it_is_called_so",
        "assert",
    ),
    Sabotage(
        "switch-unsynced",
        "what a switch relies on is not flushed to the disk before it",
        [Edit(f"{UTILS}/_entry/release.py", "    site.sync()\n", "")],
        f"{RELEASES}::test_switch_that_was_verified_is_good_and_its_models_are_kept_before_it_is_called_so",
        "assert",
    ),
    Sabotage(
        "leftover-kept",
        "a container that an interrupted run has made is taken for one more of its service",
        [Edit(f"{UTILS}/_stack/actions.py", 'container.state == "created" and ', "False and ")],
        f"{UNIT}/module_utils/_stack/test_actions.py"
        "::test_container_that_an_interrupted_run_has_made_is_removed_and_not_taken_for_one_more",
        "container_leftover",
    ),
    Sabotage(
        "never-started-feared",
        "a backend that was made and never started counts as one that has changed its data",
        [Edit(f"{UTILS}/_release/site.py", ' if item.state != "created"}', "}")],
        f"{UNIT}/module_utils/_entry/test_release.py::test_backend_that_was_never_started_has_changed_nothing",
        "AssertionError",
    ),
    Sabotage(
        "last-failure-forgotten",
        "a switch goes back past a backend that the failed switch before it has made anew",
        [Edit(f"{UTILS}/_entry/release.py", 'here is not None and here.state != "good" else', "False else")],
        f"{RELEASES}::test_backend_that_an_earlier_switch_made_anew_may_have_changed_data_as_well",
        "AssertionError",
    ),
    Sabotage(
        "lease-unasked",
        "a run that has lost its lease writes into the release of who has it now",
        [Edit(f"{UTILS}/_entry/release.py", "    if options.lease:\n", "    if False:\n")],
        f"{RELEASES}::test_run_that_has_lost_its_lease_writes_into_no_release",
        "DID NOT RAISE",
    ),
    Sabotage(
        "unreadable-forgotten",
        "what a release keeps goes when its record cannot be read",
        [Edit(f"{UTILS}/_release/site.py", ".union(self.records.unreadable())", "")],
        f"{UNIT}/module_utils/_release/test_site.py::test_models_of_a_release_whose_record_cannot_be_read_are_kept",
        "AssertionError",
    ),
    Sabotage(
        "backend-taken-back",
        "a failed switch is taken back although it recreated the backend",
        [Edit(f"{UTILS}/_entry/release.py", "{*anew} - {*options.reversible}", "()")],
        f"{RELEASES}::test_failed_switch_of_the_backend_stays_unless_it_is_reversible",
        "assert",
    ),
    Sabotage(
        "images-unnamed",
        "an image whose names have all moved gets no name that keeps it",
        [Edit(f"{UTILS}/_release/images.py", " for image in sorted(nameless) if not there[image]", " for image in ()")],
        f"{UNIT}/module_utils/_release/test_images.py::test_image_whose_names_have_moved_gets_ours",
        "assert",
    ),
)
