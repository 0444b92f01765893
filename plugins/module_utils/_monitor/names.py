# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every metric that a host writes. Its writer, the docs, the rules and the dashboard go by this list. Private."""

from __future__ import annotations

import typing as t

PREFIX = "archiv_ollama_"
Type = t.Literal["gauge", "counter"]


class Metric(t.NamedTuple):
    """One name of the text format, with the line that explains it and the labels that its samples have."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, "gauge", text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(PREFIX + name, "counter", text, labels)


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
    _gauge("verify_timestamp_seconds", "When the host was last verified."),
    _gauge("verify_success", "Whether the last verification found all as wanted."),
    _gauge("answer_seconds", "How long the model took for the question of the last deploy or verification.", "model"),
    _gauge("answer_timestamp_seconds", "When it was asked.", "model"),
    _gauge("wanted_present", "Whether the host knows what its last deploy wanted."),
    _gauge("wanted_current", "Whether the compose file is the one of that deploy."),
    _gauge("time_seconds", "The host's clock when this was written."),
    _gauge("metrics_interval_seconds", "How often this is written."),
)
BY_NAME: t.Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
