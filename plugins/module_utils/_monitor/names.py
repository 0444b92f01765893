# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every metric that a host writes. Its writer, the docs, the rules and the dashboard go by this list. Private."""

from __future__ import annotations

import typing as t

PREFIX = "archiv_ollama_"
Type = t.Literal["gauge", "counter", "histogram"]


# What a histogram is written as; the first alone has labels.
_PARTS = ("_bucket", "_sum", "_count")


class Metric(t.NamedTuple):
    """One name of the text format, with the line that explains it and the labels that its samples have."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names that its samples have."""
        return tuple(self.name + part for part in _PARTS) if self.type == "histogram" else (self.name,)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, "gauge", text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, "counter", text, labels)


def _histogram(name: str, text: str) -> Metric:
    return Metric(PREFIX + name, "histogram", text, ("le",))


# In the order in which they are written.
METRICS: tuple[Metric, ...] = (
    _gauge("info", "Always 1; versions of what runs here.", "project", "version", "ollama_version", "engine_version"),
    _gauge("engine_up", "Whether Docker Engine answered."),
    _gauge("server_up", "Whether Ollama's API answered."),
    _gauge(
        "container_memory_unreclaimable_bytes",
        "Memory that the kernel cannot take back: anonymous, shared and its own.",
        "service",
    ),
    _gauge(
        "container_memory_working_set_bytes",
        "Memory in use without the part of the page cache that was not used lately.",
        "service",
    ),
    _gauge("container_memory_peak_bytes", "The most memory the container has used since it was started.", "service"),
    _gauge("container_memory_limit_bytes", "The memory limit; absent where there is none.", "service"),
    _counter("container_oom_kills_total", "Processes that the kernel killed at the memory limit.", "service"),
    _counter("container_oom_gaps_total", "Times in which a kill may have been missed.", "service"),
    _counter("container_restarts_total", "Restarts of the container.", "service"),
    _gauge("container_running", "Whether the container runs; 0 also where it is gone.", "service"),
    _gauge("container_healthy", "What its health check says; absent without one and while it starts.", "service"),
    _gauge("container_start_time_seconds", "When the container was started.", "service"),
    _gauge("gate_up", "Whether the gate told what it has counted; absent without a gate, as are all of gate_."),
    _gauge("gate_waiting", "Questions that wait in the gate's queue."),
    _gauge("gate_at_work", "Questions that Ollama works on."),
    _counter("gate_questions_total", "Questions that the gate took; it counts anew after each of its reloads."),
    _counter("gate_light_total", "Requests for tags, version and ps that the gate took."),
    _counter("gate_without_token_total", "Requests without a valid token that were let through, as report wants it."),
    _counter("gate_refused_total", "Requests that got no answer of Ollama's, by the reason.", "reason"),
    _histogram("gate_answer_seconds", "Seconds until an answer with status 200 began, with its wait in the queue."),
    _gauge("model_info", "Always 1; the digest of the model in the store.", "model", "digest"),
    _gauge(
        "model_wanted_digest_matches",
        "Whether the model has the wanted digest; absent where none is wanted.",
        "model",
    ),
    _gauge("model_cached", "Whether every blob of the model is there with its size.", "model"),
    _gauge("model_intact", "Whether every blob matches its digest; absent while not verified.", "model"),
    _gauge("model_warm_wanted", "Whether the model is to stay loaded.", "model"),
    _gauge("model_resident", "Whether the model is loaded.", "model"),
    _gauge("model_pinned", "Whether the model is loaded with no time after which it is unloaded.", "model"),
    _gauge("model_gpu_ratio", "The part of the model that is in GPU memory; absent while not loaded.", "model"),
    _gauge("gpu_wanted", "Whether the inventory gives the server a GPU."),
    _gauge("store_blobs_damaged", "Blobs that do not match their digests, by what was read last."),
    _gauge("store_blobs_missing", "Blobs of wanted models that are not in the store."),
    _gauge("store_unreferenced_bytes", "Bytes of blobs that no model uses."),
    _gauge("store_free_bytes", "Free bytes of the store's file system."),
    _gauge("store_size_bytes", "Size of the store's file system."),
    _gauge("images_free_bytes", "Free bytes of the file system that has the Engine's data."),
    _gauge("images_size_bytes", "Size of the file system that has the Engine's data."),
    _gauge("scrub_timestamp_seconds", "When the last scrub ended; absent before the first."),
    _gauge("scrub_success", "Whether the last scrub read every blob and found it whole."),
    _gauge("deploy_timestamp_seconds", "When the last deploy ended."),
    _gauge("deploy_success", "Whether the last deploy ended well."),
    _gauge("switch_interrupted", "Whether a switch was begun and did not end, while nobody works on the host."),
    _gauge("verify_timestamp_seconds", "When the host was last verified."),
    _gauge("verify_success", "Whether the last verification found all as wanted."),
    _gauge("answer_seconds", "How long the model took for the question of the last deploy or verification.", "model"),
    _gauge("answer_timestamp_seconds", "When it was asked.", "model"),
    _gauge("wanted_present", "Whether the host knows what its last deploy wanted."),
    _gauge("wanted_current", "Whether the compose file is the one of that deploy."),
    _gauge("time_seconds", "The host's clock when this was written."),
    _gauge("metrics_interval_seconds", "How often this is written."),
)
# Each name that a sample can have, with its labels.
SERIES: t.Mapping[str, tuple[str, ...]] = {
    series: metric.labels if series == metric.series[0] else () for metric in METRICS for series in metric.series
}
