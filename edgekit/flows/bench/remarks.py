"""Pass on what engines remark on the artifacts they loaded: operators left to another processor, a stand-in for the machine."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.protocols import LoadedModel
from edgekit.core.quantity import Note
from edgekit.flows.bench.inputs import Subject


def engine_notes(subjects: Sequence[Subject], models: Sequence[LoadedModel]) -> list[Note]:
    """Return the remarks, each once, with the name of the artifact where there are several."""
    found = []
    for subject, model in zip(subjects, models, strict=True):
        for note in model.loaded.get("notes") or ():
            general = len(subjects) == 1 or note["code"] == "run.rehearsal"
            text = note["text"] if general else f"{subject.path.name}: {note['text']}"
            found.append(Note(code=note["code"], text=text, advice=note.get("advice")))
    return list(dict.fromkeys(found))
