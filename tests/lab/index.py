"""Images as public registries serve them: an index of two platforms and an attestation, around one pushed manifest."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import requests

from tests.lab.model import expect, push_blob

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES = (OCI_INDEX, DOCKER_LIST)
ACCEPT = {"Accept": ", ".join((*INDEXES, OCI_MANIFEST, DOCKER_MANIFEST))}
OTHER = {"amd64": "arm64", "arm64": "amd64"}

Document = dict[str, Any]


def publish(base: str, repository: str, pushed: str, tags: list[str]) -> None:
    """Put an index around what was pushed as one manifest, under each of the tags."""
    with requests.Session() as session:
        session.trust_env = False
        store = Store(session, base, repository)
        manifest, kind = store.manifest(pushed)
        if kind in INDEXES:  # an Engine that keeps manifests pushes an index of its own
            own = next(item for item in manifest["manifests"] if item["platform"]["os"] != "unknown")
            manifest, kind = store.manifest(own["digest"])
        config = store.blob(manifest["config"]["digest"])
        own = store.put(manifest, kind, platform=platform(config["architecture"]))
        other_config = {**config, "architecture": OTHER[config["architecture"]]}
        other = {**manifest, "config": {**manifest["config"], **store.keep(other_config)}}
        entries = [own, store.put(other, kind, platform=platform(other_config["architecture"])), attest(store, own)]
        for tag in tags:
            store.put_index(tag, entries, {})


def publish_again(base: str, repository: str, tag: str) -> str:
    """Publish the same manifests under the same tag in an index of another digest, as a rebuilt attestation does."""
    with requests.Session() as session:
        session.trust_env = False
        store = Store(session, base, repository)
        index, _kind = store.manifest(tag)
        return store.put_index(tag, index["manifests"], {"archiv.lab.published": str(time.time_ns())})


def move(base: str, repository: str, tag: str) -> str:
    """Have the tag mean another image, of the same layers with one label more; the digest that it means now."""
    with requests.Session() as session:
        session.trust_env = False
        store = Store(session, base, repository)
        index, _kind = store.manifest(tag)
        entry = next(item for item in index["manifests"] if item["platform"]["os"] != "unknown")
        manifest, kind = store.manifest(entry["digest"])
        config = store.blob(manifest["config"]["digest"])
        labels = {**(config["config"].get("Labels") or {}), "archiv.lab.moved": str(time.time_ns())}
        kept = store.keep({**config, "config": {**config["config"], "Labels": labels}})
        other = {**manifest, "config": {**manifest["config"], **kept}}
        return store.put_index(tag, [store.put(other, kind, platform=entry["platform"])], {})


def move_back(base: str, repository: str, recipe: str, tag: str) -> str:
    """Have the tag mean what was published first, which its recipe's tag still means."""
    with requests.Session() as session:
        session.trust_env = False
        store = Store(session, base, repository)
        index, _kind = store.manifest(recipe)
        return store.put_index(tag, index["manifests"], index.get("annotations") or {})


def attest(store: Store, of: Document) -> Document:
    """What a build says about its image, in the form of an image for no platform."""
    statement = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2"}
    layer = {"mediaType": "application/vnd.in-toto+json", **store.keep(statement)}
    config = {**platform("unknown", "unknown"), "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, **store.keep(config)},
        "layers": [layer],
    }
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of["digest"]}
    return store.put(manifest, OCI_MANIFEST, platform=platform("unknown", "unknown"), annotations=about)


def platform(architecture: str, system: str = "linux") -> Document:
    return {"architecture": architecture, "os": system}


class Store:
    """One repository of a registry."""

    def __init__(self, session: requests.Session, base: str, repository: str) -> None:
        self.session, self.base, self.repository = session, base, repository

    def manifest(self, reference: str) -> tuple[Document, str]:
        reply = self.session.get(self.address("manifests", reference), headers=ACCEPT, timeout=60)
        expect(reply, 200, f"manifest {reference} of {self.repository}")
        return reply.json(), reply.headers["Content-Type"]

    def blob(self, digest: str) -> Document:
        reply = self.session.get(self.address("blobs", digest), timeout=60)
        expect(reply, 200, f"blob {digest} of {self.repository}")
        document: Document = reply.json()
        return document

    def keep(self, document: Document) -> Document:
        """Push a document as a blob; its digest and size."""
        raw = encode(document)
        push_blob(self.session, self.base, self.repository, digest_of(raw), raw)
        return {"digest": digest_of(raw), "size": len(raw)}

    def put(self, manifest: Document, kind: str, **about: Any) -> Document:
        """Push a manifest without a tag; its entry for an index."""
        raw = encode(manifest)
        self.send(digest_of(raw), raw, kind)
        return {"mediaType": kind, "digest": digest_of(raw), "size": len(raw), **about}

    def put_index(self, tag: str, entries: list[Document], annotations: Document) -> str:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, "annotations": annotations}
        raw = encode(index)
        self.send(tag, raw, OCI_INDEX)
        return digest_of(raw)

    def send(self, reference: str, raw: bytes, kind: str) -> None:
        reply = self.session.put(
            self.address("manifests", reference), data=raw, headers={"Content-Type": kind}, timeout=60
        )
        expect(reply, 201, f"manifest {self.repository}:{reference}")

    def address(self, kind: str, reference: str) -> str:
        return f"{self.base}/v2/{self.repository}/{kind}/{reference}"


def encode(document: Document) -> bytes:
    return json.dumps(document, indent=1).encode()


def digest_of(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()
