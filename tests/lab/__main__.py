"""The lab's command line: up, status, down, one host more or less, and the demonstration."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import APIError

from tests.lab import containers, demo, engine, hosts, images, index, model, network, ollama_image, registry
from tests.lab.settings import HOST_IMAGES, IMAGE_VARIABLE, PREFIX, STATE_DIR, LabError, host_image
from tests.lab.steps import say, warn


def main() -> int:
    arguments = parse()
    try:
        with one_at_a_time():
            run(arguments)
        if arguments.command == "demo":
            demo.run(engine.require())
    except LabError as error:
        warn(f"lab: {error}")
        return 1
    except APIError as error:
        warn(f"lab: the Docker Engine refused: {error.explanation or error}; nothing of yours was changed.")
        return 1
    except KeyboardInterrupt:
        warn("lab: interrupted; run the same command again and it goes on from here.")
        return 130
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="have Engine, images, registry, models and hosts ready")
    commands.add_parser("status", help="say what is there")
    down = commands.add_parser("down", help="remove this checkout's containers, networks and volumes")
    down.add_argument("--engine", action="store_true", help="also stop the Engine if the lab started it")
    commands.add_parser("demo", help="bring the lab up, deploy, ask, break, ask again, heal")
    commands.add_parser("publish-old", help="have the registry serve an older Ollama as well")
    move = commands.add_parser("move", help="have the tag of an image or a model mean something else")
    move.add_argument("name", choices=[*registry.IMAGES, *(wanted.name for wanted in model.MODELS)])
    move.add_argument("--back", action="store_true", help="have it mean what it meant first")
    again = commands.add_parser("publish-again", help="publish an image in an index of another digest")
    again.add_argument("name", choices=list(registry.IMAGES))
    host = commands.add_parser("host", help="one more throwaway host, or one less")
    host.add_argument("action", choices=["up", "down"])
    host.add_argument("name")
    host.add_argument(
        "--image", choices=HOST_IMAGES, help=f"what it is made of; else {IMAGE_VARIABLE}, else today's Docker"
    )
    return parser.parse_args()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two commands that build or remove the same things would trip over each other."""
    try:
        STATE_DIR.mkdir(exist_ok=True)
        lock = (STATE_DIR / "lock").open("w")
    except OSError as error:
        raise LabError(
            f"The lab keeps its state in {STATE_DIR} and cannot write there ({error.strerror}); "
            "make the checkout writable for this user."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn("lab: another lab command runs in this checkout; waiting for it to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(arguments: argparse.Namespace) -> None:
    match arguments.command:
        case "up" | "demo":
            up()
        case "status":
            status()
        case "down":
            down(stop_engine=arguments.engine)
        case "publish-again":
            base = registry.base_url(engine.require())
            say(index.publish_again(base, *registry.IMAGES[arguments.name]))
        case "publish-old":
            client = engine.ensure()
            images.ensure_some(client, list(registry.OLD))
            registry.publish_images(client, registry.base_url(client), registry.OLD)
        case "move":
            base = registry.base_url(engine.require())
            say((registry.move_back if arguments.back else registry.move)(base, arguments.name))
        case "host":
            change_host(arguments)


def up() -> None:
    began = time.monotonic()
    image = host_image()
    say(f"Lab {PREFIX}:")
    client = engine.ensure()
    images.ensure_all(client, image)
    registry.ensure(client)
    hosts.ensure_lab_hosts(client, image)
    say(f"Lab {PREFIX} is up ({time.monotonic() - began:.1f} s).")


def change_host(arguments: argparse.Namespace) -> None:
    if arguments.action == "down":
        hosts.remove(engine.require(), arguments.name)
        return
    image = arguments.image or host_image()
    client = engine.ensure()
    images.ensure_all(client, image)
    registry.ensure(client)
    hosts.ensure_molecule_host(client, arguments.name, image)


def status() -> None:
    client = engine.connect()
    if client is None:
        say("Engine: none answers; `make lab-up` starts one.")
        return
    info = client.info()
    say(f"Engine: {info['ServerVersion']}, cgroup v{info['CgroupVersion']}, {info['Driver']}")
    for name in [*images.BUILT, *images.PROVEN]:
        tag = images.tag_of(name)
        built = images.exists(client, tag)
        say(f"Image {tag}: {described(client, name, tag) if built else 'built when it is needed'}")
    found = network.find(client)
    say(f"Network: {found.attrs['IPAM']['Config'][0]['Subnet'] if found else 'none'}")
    for container in client.containers.list(all=True, filters=engine.ours()):
        kind = hosts.label_kind(container).capitalize()
        say(f"{kind} {container.name}: {container.status} at {hosts.address_of(container)}")


def described(client: docker.DockerClient, name: str, tag: str) -> str:
    match name:
        case "ollama":
            return f"there, with llama.cpp {ollama_image.llama_cpp_version(tag) or 'as upstream ships it'}"
        case "today" | "host":
            versions = images.docker_versions(client, tag)
            return f"there, with {', '.join(f'{part} {version}' for part, version in versions.items())}"
        case _:
            return "there"


def down(stop_engine: bool) -> None:
    client = engine.connect()
    if client is None:
        say("No Docker Engine answers: nothing of the lab can be running.")
        return
    removed = remove_all(client)
    say(f"Lab {PREFIX} is down: {removed} removed, images kept.")
    if stop_engine:
        say(engine.stop())


def remove_all(client: docker.DockerClient) -> str:
    found_containers = client.containers.list(all=True, filters=engine.ours())
    for container in found_containers:
        containers.remove(container)
        hosts.forget_host_vars(str(container.name).removeprefix(f"{PREFIX}-"))
    networks = client.networks.list(filters=engine.ours())
    for found in networks:
        found.remove()
    volumes = client.volumes.list(filters=engine.ours())
    for volume in volumes:
        volume.remove()
    return f"{len(found_containers)} containers, {len(networks)} networks, {len(volumes)} volumes"


if __name__ == "__main__":
    sys.exit(main())
