"""Pack the runner into one file that any Python 3.9 starts, the same bytes every time (stdlib zipapp stores the current date)."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

from edgekit.links.files import write_atomic

_MAIN = "import sys\n\nfrom runner.main import main\n\nsys.exit(main())\n"
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say
_SOURCE = Path(__file__).resolve().parents[1] / "runner"


def pack_runner(source: Path = _SOURCE) -> bytes:
    """Return a zip that holds `__main__.py` and the package `runner`: sorted, dated 1980, stored without compression."""
    files = {"__main__.py": _MAIN.encode()}
    for path in source.rglob("*.py"):
        files[f"runner/{path.relative_to(source).as_posix()}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = 3  # Unix, also when packed elsewhere
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def deploy(cache_dir: Path | None = None) -> Path:
    """Write the packed runner to the user's cache unless it is there; return its path. The name holds its sha256."""
    content = pack_runner()
    path = (cache_dir or _default_cache()) / f"runner-{hashlib.sha256(content).hexdigest()[:12]}.pyz"
    if not path.is_file() or path.read_bytes() != content:
        write_atomic(path, content)
    return path


def _default_cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("edgekit")
