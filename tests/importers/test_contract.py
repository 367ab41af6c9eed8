"""What every importer must do, whatever it reads."""

from __future__ import annotations

import pytest

from edgekit.core.errors import UsageError
from edgekit.importers.base import Hints
from edgekit.registry import importer_class, importer_names
from tests.importers.made import write_ptdaemon, write_tiny

WRITERS = {"mlperf-tiny": lambda folder: write_tiny(folder / "kws"), "ptdaemon": lambda folder: write_ptdaemon(folder / "server_resnet50")}


@pytest.mark.parametrize("kind", importer_names())
def test_an_importer_goes_by_its_registered_name(kind):
    assert importer_class(kind).kind == kind


@pytest.mark.parametrize("kind", importer_names())
def test_a_path_without_a_recording_is_refused_and_says_what_is_needed(kind, tmp_path):
    for path, code in ((tmp_path / "nowhere", "file.missing"), (tmp_path, "import.nothing")):
        with pytest.raises(UsageError) as caught:
            importer_class(kind)().find(path)
        assert caught.value.code == code
        assert caught.value.do


@pytest.mark.parametrize("kind", importer_names())
def test_a_recording_is_found_again_and_read_to_the_same_thing(kind, tmp_path):
    importer, folder = importer_class(kind)(), WRITERS[kind](tmp_path)
    (one,), (other,) = importer.find(folder), importer.find(tmp_path)
    assert one.files == other.files
    first, second = importer.read(one, Hints()), importer.read(other, Hints())
    assert (first.windows, first.published, first.artifact.family) == (second.windows, second.published, second.artifact.family)
    assert {trace.channel for trace in first.traces} == {channel.id for channel in first.meter.channels}
    assert all(trace.flags.sum() == 0 for trace in first.traces)
    assert first.artifact.status == "unseen"
    assert any(note.code == "import.source" and "not verified by MLCommons" in note.text for note in first.notes)
