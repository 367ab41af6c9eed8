"""What is written is read back equal, in the same order; what is not ours is refused by name."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.core.artifact import ModelArtifact, SourceModel
from edgekit.core.errors import UsageError
from edgekit.core.hardware import DeviceFacts, DeviceSpec
from edgekit.core.jsonio import dump_record, dumps, load_record
from edgekit.core.run import RunPlan, RunRecord, RunStatus
from tests.core.strategies import artifacts, runs


@given(runs)
@settings(max_examples=60)
def test_a_run_record_survives_the_round_trip(record: RunRecord) -> None:
    text = dump_record(record)
    again = load_record(RunRecord, text, where="run.json")
    assert again == record
    assert dump_record(again) == text


@given(artifacts)
@settings(max_examples=60)
def test_an_artifact_survives_the_round_trip(artifact: ModelArtifact) -> None:
    assert load_record(ModelArtifact, dump_record(artifact), where="x.tflite.json") == artifact


@given(runs)
@settings(max_examples=20)
def test_the_schema_id_is_the_first_key_and_every_number_is_finite(record: RunRecord) -> None:
    text = dump_record(record)
    assert next(iter(json.loads(text))) == "schema"
    assert "NaN" not in text.replace('"NaN', "")


def test_a_number_that_is_not_one_is_refused() -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON"):
            dumps({"energy_j": bad})


def a_run() -> dict[str, object]:
    source = SourceModel(path="m.keras", sha256="a", format="keras", family="f", weights_sha256="w")
    artifact = ModelArtifact(
        path="m.int8.tflite",
        sha256="b",
        size_bytes=1,
        format="tflite",
        recipe="int8",
        scheme_requested="int8",
        scheme_achieved="int8",
        source=source,
        inputs=(),
        outputs=(),
        status="verified",
    )
    record = RunRecord(
        id="r",
        session="s",
        created="2026-01-01T00:00:00Z",
        status=RunStatus.COMPLETE,
        artifact=artifact,
        device=DeviceSpec(name="sim", kind="sim"),
        plan=RunPlan(windows=1, window_s=1, min_inferences=1, idle_s=1, warmup_s=1, cooldown_s=0),
        meters=(),
        traces=(),
        windows=(),
        facts_before=DeviceFacts(),
    )
    data: dict[str, object] = json.loads(dump_record(record))
    return data


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda data: data.pop("schema"), "json.schema", "None"),
        (lambda data: data.update(schema="edgekit.artifact/1"), "json.schema", "edgekit.artifact/1"),
        (lambda data: data.update(status="finished"), "json.invalid", "status"),
        (lambda data: data.pop("device"), "json.invalid", "device"),
        (lambda data: data["plan"].update(windows="many"), "json.invalid", "plan.windows"),
    ],
)
def test_what_is_not_a_record_of_ours_is_refused_with_the_field(change: object, code: str, words: str) -> None:
    data = a_run()
    change(data)  # type: ignore[operator]
    with pytest.raises(UsageError) as caught:
        load_record(RunRecord, json.dumps(data), where="run.json")
    assert caught.value.code == code
    assert words in caught.value.why
    assert "run.json" in caught.value.what


@given(st.text(max_size=60))
def test_any_text_is_refused_without_a_traceback(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_record(RunRecord, text, where="run.json")
    assert caught.value.code in ("json.syntax", "json.schema")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 400])
def test_numbers_that_no_arithmetic_takes_are_refused_when_a_record_is_read(number: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_record(RunRecord, f'{{"schema": "edgekit.run/1", "plan": {{"window_s": {number}}}}}', where="run.json")
    assert (caught.value.code, "is no number" in caught.value.why) == ("json.syntax", True)
