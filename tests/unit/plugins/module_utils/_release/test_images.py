"""What holds the images of releases: one container for each, and a name where an image has none of its own."""

from __future__ import annotations

from ansible_collections.archiv.ollama.plugins.module_utils._release.images import (
    LABEL,
    Held,
    labels_of,
    our_name,
    plan,
)

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
NAME = "ollama/ollama:0.34.2"


def test_image_that_nothing_holds_gets_a_container() -> None:
    holds = plan("archiv", {ONE}, Held({ONE: (NAME,)}, {}))
    assert (holds.create, holds.remove, holds.name, holds.unname) == ((ONE,), (), (), ())


def test_nothing_is_done_where_all_is_held() -> None:
    assert not plan("archiv", {ONE}, Held({ONE: (NAME,)}, {"c": ONE}))


def test_image_whose_names_have_moved_gets_ours() -> None:
    """`docker system prune` removes the stopped containers, and then every image without a name."""
    holds = plan("archiv", {ONE}, Held({ONE: ()}, {"c": ONE}))
    assert holds.name == ((ONE, our_name("archiv", ONE)),)


def test_image_with_a_name_again_loses_ours() -> None:
    """With names in two repositories Engine 26 drops all but the last of them in `docker image prune -a`."""
    held = Held({ONE: (NAME, our_name("archiv", ONE))}, {"c": ONE})
    assert plan("archiv", {ONE}, held).unname == (our_name("archiv", ONE),)
    assert not plan("archiv", {ONE}, Held({ONE: (our_name("archiv", ONE),)}, {"c": ONE}))


def test_our_name_is_the_last_in_the_alphabet() -> None:
    assert our_name("archiv", ONE) > "registry.example.org/z/z:z"


def test_what_no_release_needs_is_let_go() -> None:
    held = Held({ONE: (NAME,), TWO: (our_name("archiv", TWO),)}, {"c": ONE, "d": TWO})
    holds = plan("archiv", {ONE}, held)
    assert (holds.create, holds.remove, holds.unname) == ((), ("d",), (our_name("archiv", TWO),))


def test_nothing_is_let_go_while_nobody_can_say_what_is_wanted() -> None:
    held = Held({ONE: (NAME,), TWO: (our_name("archiv", TWO),)}, {"d": TWO})
    holds = plan("archiv", {ONE}, held, adding=True)
    assert (holds.create, holds.remove, holds.unname) == ((ONE,), (), ())


def test_second_container_for_one_image_is_let_go() -> None:
    assert plan("archiv", {ONE}, Held({ONE: (NAME,)}, {"c": ONE, "d": ONE})).remove == ("d",)


def test_image_that_is_gone_is_left_to_the_list() -> None:
    assert not plan("archiv", {ONE}, Held({}, {}))


def test_container_that_holds_an_image_is_never_taken_for_one_of_compose() -> None:
    """`docker commit` of a container keeps the labels by which Compose knows it."""
    committed = {"Config": {"Labels": {"com.docker.compose.project": "archiv", "maintainer": "ada"}}}
    assert labels_of("archiv", committed) == {LABEL: "archiv", "com.docker.compose.project": ""}
    assert labels_of("archiv", {"Config": {}}) == labels_of("archiv", {}) == {LABEL: "archiv"}
