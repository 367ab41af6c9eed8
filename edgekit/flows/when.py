"""When: at what time should deferrable work run? And make the profile of a grid out of a year of hourly figures."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from edgekit.core.errors import UsageError
from edgekit.core.quantity import Note
from edgekit.decision.timing.intensity import Curve, IntensityProblem, Profile, condense
from edgekit.decision.timing.intensity_csv import Reading, moment, read_csv
from edgekit.decision.timing.profile_toml import load_profile, profile_text
from edgekit.decision.timing.waiting import Waiting, advise, with_trials
from edgekit.links.clock import SystemClock
from edgekit.links.files import read_text, write_atomic
from edgekit.links.folders import data_folder

_LONGEST_S = 14 * 86400.0  # a profile of hours knows nothing of weeks
_MOST_J = 1e21  # the world's primary energy of a year
_LAST_S = 7_258_118_400.0  # the year 2200


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenRequest:
    """Hold what was asked: the work, the grid and where its figures are. `start` is a timestamp; None stands for now.

    `zone`, `column`, `unit` and `ends` say how a CSV is read: the zone of its timestamps without one, the column of the values and what
    they are in, and that timestamps mark the end of their interval.
    """

    duration_s: float
    deadline_s: float
    region: str | None = None
    figures: Path | None = None
    marginal: Path | None = None
    energy_j: float | None = None
    start: str | None = None
    zone: str | None = None
    column: str | None = None
    unit: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WhenResult:
    """Hold the advice, the profile it rests on, and the one after the marginal figures where such were given."""

    start_s: float
    profile: Profile
    advice: Waiting
    marginal: Waiting | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileRequest:
    """Hold the CSV that is to be condensed and what must stand in the profile; `out` None keeps it for `edgekit when --region`."""

    csv: Path
    region: str
    source: str
    licence: str
    scope: str = "not stated"
    out: Path | None = None
    zone: str | None = None
    column: str | None = None
    unit: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileResult:
    """Hold a profile and where it was written."""

    profile: Profile
    path: Path
    notes: tuple[Note, ...] = field(default=())


def when(request: WhenRequest, *, clock: SystemClock | None = None, kept: Path | None = None) -> WhenResult:
    """Return when the work should run; raise UsageError for figures that cannot be read. `kept` is the folder of profiles."""
    if not 1 <= request.duration_s <= request.deadline_s <= _LONGEST_S:
        taken, given = (f"{seconds / 3600:g} h" for seconds in (request.duration_s, request.deadline_s))
        raise UsageError(
            "the work does not fit into the time it has",
            code="when.deadline",
            why=f"it takes {taken} and must be done within {given}; a second is the least, two weeks are the most",
            do=[("give it time:", "edgekit when --duration 4h --deadline 24h --profile FILE.csv")],
        )
    if request.energy_j is not None and not 0 < request.energy_j <= _MOST_J:
        raise UsageError(
            f"{request.energy_j:g} J is no energy of such work",
            code="when.energy",
            why="it must be more than nothing and less than what the world takes in a year",
            do=[("state what the work takes in all:", "edgekit when --region GB --energy 2kWh")],
        )
    zone = _zone(request.zone)
    start_s = _start(request.start, zone, clock or SystemClock())
    path = request.figures or _kept_profile(request, kept or data_folder() / "profiles")
    profile, history, notes = _figures(path, request, zone)
    advice = _advice(profile, history, request, start_s)
    marginal = None
    if request.marginal is not None:
        other, other_history, more = _figures(request.marginal, request, zone)
        marginal, notes = _advice(other, other_history, request, start_s), (*notes, *more)
    return WhenResult(start_s=start_s, profile=profile, advice=advice, marginal=marginal, notes=notes)


def make_profile(request: ProfileRequest, *, kept: Path | None = None) -> ProfileResult:
    """Condense a year of hourly figures to a profile and write it; raise UsageError when a month is missing or the file cannot be read."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", request.region):
        raise UsageError(
            f"--region {request.region!r} is no name of a region",
            code="when.region",
            why="letters, digits, dots, dashes and underscores, as in NL or US-CAL",
        )
    for option, text in (("--source", request.source), ("--licence", request.licence)):
        if not text.strip():
            raise UsageError(
                f"{option} says nothing",
                code="when.terms",
                why="figures that nobody stands for, or that came on unknown terms, may not be passed on",
                do=[("name both:", f'edgekit when profile {shlex.quote(str(request.csv))} --region NL --source "WHO" --licence "WHICH"')],
            )
    profile, reading = _condensed(request.csv, request, _zone(request.zone))
    if profile.filled:
        raise UsageError(
            f"{request.csv} does not hold a year",
            code="when.year",
            why=f"fewer than five days of {', '.join(profile.filled)}",
            do=[("without a year, use the file as it is:", f"edgekit when --profile {shlex.quote(str(request.csv))} --duration 4h")],
        )
    named = replace(profile, region=request.region, source=request.source, licence=request.licence, scope=request.scope)
    path = request.out or (kept or data_folder() / "profiles") / f"{request.region}.toml"
    write_atomic(path, profile_text(with_trials(named, reading.curve)))
    return ProfileResult(
        profile=load_profile(profile_text(with_trials(named, reading.curve))), path=path, notes=_told(request.csv, reading)
    )


def _advice(profile: Profile, history: Curve | None, request: WhenRequest, start_s: float) -> Waiting:
    return advise(
        profile,
        start_s=start_s,
        duration_s=request.duration_s,
        deadline_s=request.deadline_s,
        energy_j=request.energy_j,
        history=history,
    )


def _kept_profile(request: WhenRequest, folder: Path) -> Path:
    """Return the profile that was made for a region, else a shipped one; raise UsageError that says how to come by one."""
    found = regions(folder)
    if request.region is not None and request.region in found:
        return found[request.region]
    raise UsageError(
        f"no profile of {request.region} is here" if request.region is not None else "neither --region nor --profile is given",
        code="when.profile",
        why=f"known: {', '.join(sorted(found))}; few hourly figures come with terms that let them be shipped",
        do=[
            *((f"did you mean {name}?", f"edgekit when --region {shlex.quote(name)}") for name in _alike(request.region or "", found)),
            ("get a year of hourly figures as CSV (timestamp, g CO2e/kWh):", "docs/when.md lists sources and their licences"),
            ("use the file directly:", "edgekit when --duration 4h --deadline 24h --profile FILE.csv"),
            (
                "or condense it once:",
                f"edgekit when profile FILE.csv --region {shlex.quote(request.region or 'NL')} --source WHO --licence WHICH",
            ),
        ],
    )


def _alike(name: str, known: Iterable[str]) -> list[str]:
    upper = {region.upper(): region for region in known}
    return [upper[match] for match in difflib.get_close_matches(name.upper(), upper, n=1)]


def regions(folder: Path) -> dict[str, Path]:
    """Return the profiles by region: those that ship with edgekit, and those of a folder, which go first."""
    shipped = Path(str(files("edgekit.decision.timing").joinpath("profiles")))
    return {path.stem: path for place in (shipped, folder) if place.is_dir() for path in sorted(place.glob("*.toml"))}


def _figures(path: Path, request: WhenRequest, zone: tzinfo | None) -> tuple[Profile, Curve | None, tuple[Note, ...]]:
    """Return the profile of a file, a CSV or a TOML, with the hours it was made of where it holds them."""
    if path.suffix.lower() != ".toml":
        profile, reading = _condensed(path, request, zone)
        return profile, reading.curve, _told(path, reading, profile)
    try:
        profile = load_profile(read_text(path, "profile"))
    except IntensityProblem as problem:
        raise UsageError(
            f"profile {path} cannot be used",
            code="when.figures",
            why=str(problem),
            do=[
                ("make it again:", f"edgekit when profile FILE.csv --region NL --source WHO --licence WHICH --out {shlex.quote(str(path))}")
            ],
        ) from problem
    if request.region is not None and request.region != profile.region:
        raise UsageError(
            f"profile {path} is not one of {request.region}",
            code="when.region",
            why=f"it is of {profile.region}",
            do=[("leave --region out, or name it:", f"edgekit when --region {shlex.quote(profile.region)} --duration 4h --deadline 24h")],
        )
    return profile, None, ()


def _condensed(path: Path, request: WhenRequest | ProfileRequest, zone: tzinfo | None) -> tuple[Profile, Reading]:
    try:
        text = read_text(path, "figures")
        reading = read_csv(text, zone=zone, column=request.column, unit=request.unit, ends=request.ends)
        named = request.region or path.stem
        return condense(reading.curve, region=named, source=path.name, licence="that of the file", scope=reading.column), reading
    except IntensityProblem as problem:
        raise UsageError(
            f"{path} cannot be read as hourly intensities",
            code="when.figures",
            why=str(problem),
            do=[
                *(("name the column:", f"{_asked(path, request)} --column {shlex.quote(name)}") for name in problem.columns[:2]),
                ("a line holds a timestamp and g CO2e/kWh:", "2025-03-01T14:00Z,231"),
                ("look at it:", f"head {shlex.quote(str(path))}"),
            ],
        ) from problem


def _asked(path: Path, request: WhenRequest | ProfileRequest) -> str:
    """Return the command that reads the file, without its other options."""
    if isinstance(request, WhenRequest):
        return f"edgekit when --profile {shlex.quote(str(path))}"
    named = ["--region", request.region, "--source", request.source, "--licence", request.licence]
    return shlex.join(["edgekit", "when", "profile", str(path), *named])


def _told(path: Path, reading: Reading, profile: Profile | None = None) -> tuple[Note, ...]:
    """Return what a reader should know of a file."""
    found = []
    if reading.naive:
        found.append(
            Note(
                code="when.utc",
                text=f"{path.name}: timestamps without a zone were taken as UTC, or as --zone says",
                advice="add Z or +01:00",
            )
        )
    if reading.ends:
        found.append(Note(code="when.ends", text=f"{path.name}: each timestamp marks the end of its interval"))
    if reading.gaps:
        hours = len(reading.curve.kg_per_j)
        found.append(Note(code="when.gaps", text=f"{path.name}: {reading.gaps} of {hours} hours are missing; days with gaps are left out"))
    if profile is not None and profile.filled:
        months = ", ".join(profile.filled)
        found.append(Note(code="when.filled", text=f"{path.name} has too few days of {months}: the hours of its other months stand in"))
    return tuple(found)


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not there, not a name, a folder
        raise UsageError(
            f"--zone {name!r} is no time zone",
            code="when.zone",
            why="names are those of the IANA database, as Europe/Amsterdam; a file without offsets may also be in UTC",
            do=[("list them:", "python3 -c 'import zoneinfo; print(*sorted(zoneinfo.available_timezones()))'")],
        ) from error


def _start(text: str | None, zone: tzinfo | None, clock: SystemClock) -> float:
    try:
        found = moment(clock.now_utc() if text is None else text, zone)
        if not 0 <= found < _LAST_S:
            raise IntensityProblem("a moment between 1970 and 2200 is expected")
    except IntensityProblem as problem:
        raise UsageError(f"--start {text!r} cannot be read", code="when.start", why=str(problem)) from problem
    return found
