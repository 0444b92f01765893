# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the monitoring of a host keeps its files. Private."""

from __future__ import annotations

# Readable by root only, like the receipts beside it.
HOME = "/var/lib/archiv-ollama"
# What the last deploy wanted; the host is judged against it.
WANTED = f"{HOME}/wanted.json"
STATE_DIR = f"{HOME}/monitor"
STATE = f"{STATE_DIR}/state.json"
HISTORY = f"{STATE_DIR}/history.jsonl"
# When it was deployed and verified last, and how long its models took to answer.
RECORDS = f"{STATE_DIR}/records.json"
SAMPLES = f"{STATE_DIR}/samples.json"
SCRUB = f"{STATE_DIR}/scrub.json"
# Held by the scrub that runs.
SCRUB_LOCK = f"{STATE_DIR}/scrub.lock"
MARK = f"{STATE_DIR}/mark.json"
# Held by who changes one of these.
LOCK = f"{STATE_DIR}/lock"
# Where Debian's node_exporter looks for files with metrics.
TEXTFILE_DIR = "/var/lib/prometheus/node-exporter"
TEXTFILE = "archiv_ollama.prom"
