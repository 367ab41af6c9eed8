from __future__ import annotations

import json

import pytest

from edgekit.core.errors import UsageError
from edgekit.core.quantity import Origin
from edgekit.exporters.boamps import BoampsExporter
from tests.exporters.made import made
from tests.reports.records import cloud_gpu, edge_emulated, edge_rapl, run

# What the schemas of BoAmps (github.com/Boavizta/BoAmps, model/*_schema.json) require, and the words that they allow.
REQUIRED = {
    (): ("task", "measures", "infrastructure"),
    ("header",): ("reportDatetime",),
    ("task",): ("taskStage", "taskFamily", "algorithms", "dataset"),
    ("measures", 0): ("measurementMethod", "powerConsumption"),
    ("infrastructure",): ("infraType", "components"),
    ("infrastructure", "components", 0): ("componentType", "nbComponent"),
    ("system",): ("os",),
    ("software",): ("language",),
    ("environment",): ("country",),
    ("task", "dataset", 0): ("dataUsage", "dataType"),
    ("task", "dataset", 1): ("dataUsage", "dataType"),
}
ALLOWED = {
    ("header", "reportStatus"): {"draft", "final", "corrective", "other"},
    ("infrastructure", "infraType"): {"publicCloud", "privateCloud", "onPremise", "other"},
    ("quality",): {"high", "medium", "low"},
    ("task", "dataset", 0, "dataUsage"): {"input", "output"},
    ("task", "dataset", 0, "dataType"): {"tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word", "other"},
}

PUBLISHED = run("published", joules=1e-5, origin=Origin.SOURCED)


def at(data, path):
    for step in path:
        data = data[step]
    return data


def written(*runs) -> dict:
    return json.loads(BoampsExporter().write(made(*runs)))


def test_what_the_schema_requires_is_there_and_its_words_are_used():
    found = written()
    for path, names in REQUIRED.items():
        if path and path[0] not in found:
            continue  # a part that the schema leaves out as a whole, where the record does not know it
        assert set(names) <= set(at(found, path)), path
    for path, words in ALLOWED.items():
        assert at(found, path) in words
    for path, kind in ((("measures", 0, "powerConsumption"), float), (("task", "nbRequest"), int), (("task", "measuredAccuracy"), float)):
        assert isinstance(at(found, path), kind)
    assert len(found["header"]["reportDatetime"]) == len("2026-05-04 10:00:00")


def test_energy_is_in_kilowatt_hours_of_one_inference_and_says_where_it_was_read():
    found = written()
    assert found["measures"][0]["powerConsumption"] == pytest.approx(3e-5 / 3.6e6)
    assert found["task"]["nbRequest"] == 1
    assert "measured at cpu_package by rapl" in found["measures"][0]["measurementMethod"]


def test_what_is_not_known_is_left_out_and_never_invented():
    found = written()
    assert "software" not in found, "the record names no Python"
    assert "publisher" not in found["header"]
    assert found["infrastructure"]["infraType"] == "other"


@pytest.mark.parametrize(
    ("record", "quality"),
    [
        (edge_rapl(), "high"),
        (edge_rapl(spread=0.2), "medium"),
        (edge_rapl(spread=0.4), "low"),
        (edge_emulated(), "low"),
        (PUBLISHED, "low"),
    ],
)
def test_quality_follows_the_interval_and_what_no_instrument_read_is_low(record, quality):
    assert written(record, cloud_gpu())["quality"] == quality


def test_emulated_energy_says_so():
    assert Origin.EMULATED in written(edge_emulated(), cloud_gpu())["measures"][0]["measurementMethod"]


def test_a_run_without_known_energy_is_refused():
    from dataclasses import replace

    with pytest.raises(UsageError) as caught:
        BoampsExporter().write(made(replace(run("blind", joules=1.0), analysis=None), trained=False))
    assert caught.value.code == "export.unknown"
