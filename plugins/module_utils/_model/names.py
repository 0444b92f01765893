# Copyright (c) 2026 the archiv.ollama authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Model names and digests, read and compared exactly as Ollama does. Private to this collection."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

# Ollama folds and stores ASCII only; \w would also let other alphabets through.
_START = r"[A-Za-z0-9_]"
Part = t.Literal["host", "namespace", "model", "tag"]
_GRAMMAR: dict[Part, tuple[int, re.Pattern[str], str]] = {
    "host": (350, re.compile(_START + r"[A-Za-z0-9_.:-]*"), "letters, digits, _ . : -"),
    "namespace": (80, re.compile(_START + r"[A-Za-z0-9_-]*"), "letters, digits, _ -"),
    "model": (80, re.compile(_START + r"[A-Za-z0-9_.-]*"), "letters, digits, _ . -"),
    "tag": (80, re.compile(_START + r"[A-Za-z0-9_.-]*"), "letters, digits, _ . -"),
}
_DIGEST = re.compile(r"(?:sha256[:-])?([0-9a-fA-F]{64})")


class NameInvalid(ValueError):
    """A model name that Ollama does not accept; str() is a sentence for the operator."""


class DigestInvalid(ValueError):
    """Not a sha256 digest; str() is a sentence for the operator."""


@dataclass(frozen=True)
class ModelName:
    """A complete model name: the parts as given, the rest filled with Ollama's defaults."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def path_parts(self) -> tuple[str, str, str, str]:
        """Folders and file below manifests/."""
        return (self.host, self.namespace, self.model, self.tag)

    @property
    def key(self) -> tuple[str, ...]:
        """What two names must share to be the same model."""
        return tuple(part.lower() for part in self.path_parts)

    @property
    def display(self) -> str:
        """The form Ollama prints: defaults left out, the tag always shown."""
        shown = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{shown}"
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{shown}"
        return shown

    def __str__(self) -> str:
        return self.display


def parse_name(text: str) -> ModelName:
    """Read [host/][namespace/]model[:tag]; NameInvalid says what is wrong and what would be right."""
    _refuse_look_alikes(text)
    rest, tag = text, DEFAULT_TAG
    if text.rfind(":") > text.rfind("/"):
        rest, _, tag = text.rpartition(":")
    paths = rest.split("/")
    if len(paths) > 3:
        raise NameInvalid(
            f"model name {text!r} has {len(paths)} parts between slashes; use at most host/namespace/model:tag"
        )
    host, namespace, model = [DEFAULT_HOST, DEFAULT_NAMESPACE][: 3 - len(paths)] + paths
    name = ModelName(host, namespace, model, tag)
    for kind, part in zip(_GRAMMAR, name.path_parts):
        _check_part(text, kind, part)
    _refuse_reserved_tag(text, name)
    return name


def refuse_port(name: ModelName) -> None:
    """Raise NameInvalid for an invalid port, which Ollama would accept and only fail on later."""
    host, colon, port = name.host.partition(":")
    if colon and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise NameInvalid(
            f"model name {_short(str(name))} has port {port!r} after {host}; write a number from 1 to 65535, or no"
            " colon"
        )


def parse_digest(text: str) -> str:
    """Read a sha256 digest, with or without its prefix, as sha256:<64 lower-case hex>."""
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise DigestInvalid(
            f"digest {_short(text)} is not a sha256 digest; write sha256: and 64 hexadecimal digits"
            " (the short ID of `ollama list` is not enough)"
        )
    return "sha256:" + match.group(1).lower()


def same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model; a name that Ollama cannot parse equals nothing."""
    try:
        return parse_name(one).key == parse_name(other).key
    except NameInvalid:
        return False


def _refuse_look_alikes(text: str) -> None:
    if not text or text != text.strip():
        raise NameInvalid(f"model name {text!r} is empty or has spaces around it; write model:tag")
    if "://" in text:
        raise NameInvalid(
            f"model name {text!r} begins with a URL scheme; write host/namespace/model:tag"
            " (plain HTTP is a separate option, not part of the name)"
        )
    if "@" in text:
        raise NameInvalid(
            f"model name {_short(text)} contains an @; Ollama cannot pin a digest in the name,"
            " write {name: ..., digest: ...} instead"
        )


def _check_part(text: str, kind: Part, part: str) -> None:
    longest, allowed, described = _GRAMMAR[kind]
    if not 1 <= len(part) <= longest:
        raise NameInvalid(
            f"model name {_short(text)}: its {kind} has {len(part)} characters, Ollama allows 1 to {longest}"
        )
    if allowed.fullmatch(part) is None:
        hint = ""
        if kind == "namespace" and (":" in part or "." in part):
            hint = "; your own registry needs all three parts, host/namespace/model:tag"
        raise NameInvalid(
            f"model name {_short(text)}: its {kind} {_short(part)} may contain only {described}"
            f" and must start with a letter, a digit or _{hint}"
        )


def _refuse_reserved_tag(text: str, name: ModelName) -> None:
    tag = name.tag.lower()
    if tag in ("cloud", "local") or tag.endswith("-cloud"):
        raise NameInvalid(
            f"model name {text!r}: Ollama reserves the tags cloud, local and *-cloud for models it"
            " runs elsewhere; use a model whose weights can be downloaded"
        )


def _short(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:117] + "...")
