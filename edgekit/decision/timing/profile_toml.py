"""Read and write the profile of a grid as TOML: a file small enough to review and to share, with its source and its licence inside."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping, Sequence

from edgekit.decision.timing.intensity import HIGHEST, KG_PER_J, MONTHS, IntensityProblem, Profile, Trial

_TABLES = ("p10", "median", "p90")
_TEXTS = ("region", "years", "source", "licence", "scope")


def profile_text(profile: Profile) -> str:
    """Return a profile as TOML text; intensities in g CO2e/kWh, hours in UTC."""
    lines = ["# g CO2e/kWh of each hour of the day (UTC, 00 to 23) in each month; made by `edgekit when profile`", 'version = "1"']
    lines += [f"{name} = {_quoted(getattr(profile, name))}" for name in _TEXTS]
    lines += [f"days = {profile.days}", f"filled = {json.dumps(list(profile.filled))}"]
    _add_trials(lines, profile.trials)
    for name in _TABLES:
        rows: tuple[tuple[float, ...], ...] = getattr(profile, name)
        lines += ["", f"[{name}]"]
        lines += [f"{month} = [{', '.join(f'{value / KG_PER_J:.1f}' for value in row)}]" for month, row in zip(MONTHS, rows, strict=True)]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )  # of the characters that TOML does not take, JSON knows all but one


def _add_trials(lines: list[str], trials: Sequence[Trial]) -> None:
    if trials:
        lines += ["# what following it would have saved on the hours it was made of: shares, P5, median and P95 of days"]
        lines += ["# duration in h, deadline in h, hour of start, starts, against starting at once, against the mean, worse, captured"]
        lines += ["tried = [", *(f"  {_row(trial)}," for trial in trials), "]"]


def load_profile(text: str) -> Profile:
    """Return the profile of a TOML text; raise IntensityProblem for what is missing or cannot be meant."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise IntensityProblem(f"not TOML: {error}") from error
    if data.get("version") != "1":
        raise IntensityProblem(f"version {data.get('version')!r} of a profile; this edgekit reads version '1'")
    missing = [name for name in (*_TEXTS, "days", *_TABLES) if name not in data]
    if missing:
        raise IntensityProblem(f"lacks {', '.join(missing)}")
    p10, median, p90 = (_table(name, data[name]) for name in _TABLES)
    for month, name in enumerate(MONTHS):
        for hour in range(24):
            if not p10[month][hour] <= median[month][hour] <= p90[month][hour]:
                raise IntensityProblem(f"{name}, {hour:02d}:00: the median does not lie between p10 and p90")
    for name in _TEXTS:
        if not isinstance(data[name], str) or not data[name].strip():
            raise IntensityProblem(f"{name} is no text")
    region, years, source, licence, scope = (data[name] for name in _TEXTS)
    try:
        return Profile(
            region=region,
            years=years,
            source=source,
            licence=licence,
            scope=scope,
            days=_days(data["days"]),
            median=median,
            p10=p10,
            p90=p90,
            filled=tuple(MONTHS[MONTHS.index(name)] for name in data.get("filled", ())),
            trials=tuple(_trial(entry) for entry in data.get("tried", ())),
        )
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise IntensityProblem(f"an entry cannot be read: {error}") from error


def _table(name: str, data: object) -> tuple[tuple[float, ...], ...]:
    if not isinstance(data, Mapping):
        raise IntensityProblem(f"{name} is not a table of months")
    rows = []
    for month in MONTHS:
        row = data.get(month)
        if not isinstance(row, Sequence) or len(row) != 24 or not all(_is_intensity(value) for value in row):
            raise IntensityProblem(f"{name}, {month}: 24 figures in g/kWh are expected")
        rows.append(tuple(float(value) * KG_PER_J for value in row))
    return tuple(rows)


def _is_intensity(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= HIGHEST


def _days(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1e6:
        raise ValueError("days counts the days behind the profile")
    return value


def _trial(row: Sequence[object]) -> Trial:
    duration_h, deadline_h, hour, starts, *shares = (float(str(value)) for value in row)
    now_low, now, now_high, mean_low, mean, mean_high, worse, *captured = shares
    ordered = now_low <= now <= now_high <= 1 and mean_low <= mean <= mean_high <= 1
    if not (ordered and 0 <= worse <= 1 and all(map(math.isfinite, shares)) and duration_h > 0 and starts >= 1):
        raise ValueError(f"a row of tried holds what cannot be: {list(row)}")
    return Trial(
        hour=int(hour),
        duration_s=duration_h * 3600,
        deadline_s=deadline_h * 3600,
        starts=int(starts),
        vs_now=(now_low, now, now_high),
        vs_mean=(mean_low, mean, mean_high),
        worse=worse,
        captured=captured[0] if captured else None,
    )


def _row(trial: Trial) -> str:
    shares = [*trial.vs_now, *trial.vs_mean, trial.worse, *([] if trial.captured is None else [trial.captured])]
    numbers = [f"{trial.duration_s / 3600:g}", f"{trial.deadline_s / 3600:g}", f"{trial.hour}", f"{trial.starts}"]
    return "[" + ", ".join([*numbers, *(f"{share:.3f}" for share in shares)]) + "]"
