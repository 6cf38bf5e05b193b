"""An image as a file: its layers, their sizes against the budget, and single files of it."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from sandbox.image import archive, budget
from sandbox.image.budget import MB, OURS_MB_MAX, STAND_IN_MB_MAX, Sizes, excesses
from sandbox.node.images import single_program

from .image_archives import digests, image, layer

if TYPE_CHECKING:
    from pathlib import Path

BASE = layer({"etc/os-release": "debian", "opt/old/a": "1", "opt/old/b": "2", "tmp/x": "base"})
OURS = layer({"opt/.wh.old": "", "tmp/x": "ours", "etc/.wh.os-release": "", "etc/os-new": "new"})


@pytest.mark.parametrize("compressed", [False, True])
def test_layers_are_measured_as_they_are_and_as_they_travel(
    tmp_path: Path, *, compressed: bool
) -> None:
    """The size of a layer is that of its tar, whether the archive holds it compressed or not."""
    found = archive.read(image(tmp_path / "image.tar", [BASE, OURS], compressed=compressed))
    assert [one.digest for one in found.layers] == digests([BASE, OURS])
    assert [one.size_bytes for one in found.layers] == [len(BASE), len(OURS)]
    assert 0 < found.compressed_bytes < found.size_bytes == len(BASE) + len(OURS)


def test_what_a_layer_removes_is_not_extracted(tmp_path: Path) -> None:
    """A file is taken from the highest layer that has it, unless a higher one removes it."""
    target = tmp_path / "root"
    target.mkdir()
    archive.extract(image(tmp_path / "image.tar", [BASE, OURS]), target, lambda _: True)
    files = {str(p.relative_to(target)): p.read_text() for p in target.rglob("*") if p.is_file()}
    assert files == {"tmp/x": "ours", "etc/os-new": "new"}


def test_a_folder_can_begin_anew(tmp_path: Path) -> None:
    """What is opaque hides all that lower layers have in that folder, and nothing of its own."""
    upper = layer({"opt/old/.wh..wh..opq": "", "opt/old/c": "3"})
    target = tmp_path / "root"
    target.mkdir()
    archive.extract(
        image(tmp_path / "image.tar", [BASE, upper]), target, lambda path: path.startswith("opt/")
    )
    assert [str(path.relative_to(target)) for path in target.rglob("?")] == ["opt/old/c"]


def test_only_what_is_wanted_leaves_the_archive(tmp_path: Path) -> None:
    """The others are not even written."""
    target = tmp_path / "root"
    target.mkdir()
    archive.extract(image(tmp_path / "image.tar", [BASE]), target, lambda path: path == "tmp/x")
    assert [path.name for path in target.rglob("*")] == ["tmp", "x"]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    """With one line that says so."""
    path = tmp_path / "other.tar"
    with tarfile.open(path, "w"):
        pass
    with pytest.raises(archive.ArchiveError, match="not the archive of one image"):
        archive.read(path)


def test_our_layers_are_those_above_the_base(tmp_path: Path) -> None:
    """And an image that does not begin with its base is an error, since then nothing is known."""
    found = archive.read(image(tmp_path / "image.tar", [BASE, OURS]))
    sizes = budget.sizes(found, digests([BASE]), stand_in=True)
    assert (sizes.whole, sizes.ours) == (len(BASE) + len(OURS), len(OURS))
    with pytest.raises(ValueError, match="does not begin with the layers of its base"):
        budget.sizes(found, digests([OURS]), stand_in=True)


@pytest.mark.parametrize(
    "whole_mb,ours_mb,stand_in,words",
    [
        pytest.param(STAND_IN_MB_MAX, OURS_MB_MAX, True, [], id="just within"),
        pytest.param(STAND_IN_MB_MAX + 1, 1, True, ["The image takes 171.0 MB"], id="whole"),
        pytest.param(STAND_IN_MB_MAX + 1, 1, False, [], id="whole, on the pinned base"),
        pytest.param(60, OURS_MB_MAX + 1, False, ["Our own layers take 46.0 MB"], id="ours"),
    ],
)
def test_the_budget_is_kept_on_either_base(
    *, whole_mb: int, ours_mb: int, stand_in: bool, words: list[str]
) -> None:
    """Our layers have a limit everywhere, the whole image on the stand-in only."""
    over = excesses(Sizes(whole_mb * MB, ours_mb * MB, 1, stand_in))
    assert [line.partition(";")[0] for line in over] == words


def test_an_image_of_one_program_can_be_read(tmp_path: Path) -> None:
    """The image that holds a pod's namespaces has one layer with that program in it."""
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    path = single_program(program, "localhost/pause:1", tmp_path / "pause.tar")
    found = archive.read(path)
    assert found.config["config"] == {"Entrypoint": ["/pause"]}
    assert len(found.layers) == 1
    target = tmp_path / "root"
    target.mkdir()
    archive.extract(path, target, lambda _: True)
    assert (target / "pause").read_bytes() == b"\x7fELF"
    assert (target / "pause").stat().st_mode & 0o111 == 0o111
