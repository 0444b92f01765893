"""Publishes a model in the lab's registry that loads nowhere, and prints its digest. Usage: publish.py NAME:TAG"""

from __future__ import annotations

import sys

from tests.lab import engine, model, registry


def main() -> None:
    name, _, tag = sys.argv[1].partition(":")
    good = model.build_model("archiv-odd")
    weights, *others = good.blobs
    content = good.blobs[weights]
    assert isinstance(content, bytes)
    # The same length, so that the file's offsets still hold.
    odd = content.replace(b"llama", b"xlama")
    digest = model.sha256(odd)
    manifest = good.manifest.replace(weights.encode(), digest.encode())
    blobs = {digest: odd, **{other: good.blobs[other] for other in others}}
    print(model.publish(model.Model(manifest, blobs), registry.base_url(engine.require()), f"library/{name}", tag))


if __name__ == "__main__":
    main()
