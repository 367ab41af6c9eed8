"""Write files so that a reader sees the old one or the whole new one, and find the data that ships with edgekit."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.errors import SetupError, UsageError, missing_file


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write `content` to `path` in one step; raise SetupError when that is refused, leaving nothing behind."""
    data = content.encode(errors="replace") if isinstance(content, str) else content
    with writing(path):
        if path.exists() and not path.is_file():  # a new file would take its place: root would lose /dev/null
            raise OSError(errno.EINVAL, "a folder, a pipe or a device has this name", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def require_writable(folder: Path, *, size: int) -> None:
    """Raise SetupError unless files of `size` bytes can be written in `folder` now; whatever is written for that is taken away again."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with writing(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(size))
                file.flush()
        finally:
            for path in missing:
                with contextlib.suppress(OSError):
                    path.rmdir()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Translate the operating system's refusals while `path` is written into errors that say what to do."""
    try:
        yield
    except PermissionError as error:
        raise SetupError(
            f"cannot write {path}",
            code="output.permission",
            why=f"{error.filename or path.parent}: permission denied",
            do=[
                ("see who owns the folder:", f"ls -ld {_existing(path)}"),
                ("or name a place where you may write, such as a folder here:", "mkdir -p here"),
            ],
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SetupError(
                f"cannot write {path}",
                code="output.disk_full",
                why="the disk is full; files that were complete before are whole",
                do=[("see what is free:", f"df -h {_existing(path)}")],
            ) from error
        raise SetupError(
            f"cannot write {path}",
            code="output.unwritable",
            why=error.strerror or str(error),
            do=[("see what stands there:", f"ls -ld {_existing(path)} {shlex.quote(str(path))}")],
        ) from error


def _existing(path: Path) -> str:
    """Return the nearest folder above `path` that is there, quoted for a shell."""
    folders = (folder for folder in path.absolute().parents if os.path.isdir(folder))  # noqa: PTH112 -- closed folders are no error here
    return shlex.quote(str(next(folders, "/")))


@contextlib.contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Translate the operating system's refusals while a file the user named is read into errors that say what to do."""
    quoted = shlex.quote(str(path))
    try:
        yield
    except FileNotFoundError as error:
        raise missing_file(path, what) from error
    except IsADirectoryError as error:
        raise UsageError(
            f"{what} {path} is a folder", code="file.folder", why="one file is expected here", do=[("look inside:", f"ls {quoted}")]
        ) from error
    except PermissionError as error:
        raise UsageError(
            f"{what} {path} may not be read", code="file.permission", why="permission denied", do=[("see who may:", f"ls -ld {quoted}")]
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{what} {path} is not text", code="file.binary", why=str(error), do=[("look at what the file is:", f"file {quoted}")]
        ) from error
    except OSError as error:
        raise UsageError(
            f"{what} {path} cannot be read",
            code="file.unreadable",
            why=error.strerror or str(error),
            do=[("look at it:", f"ls -ld {quoted}")],
        ) from error


def require_file(path: Path, what: str) -> None:
    """Raise UsageError unless `path` is an ordinary file that may be read: opening a pipe would wait for its writer for ever."""
    if not path.name.isprintable():  # such a name goes into reports, tables and commands to paste
        raise UsageError(
            f"{what} {path} has a name that cannot be shown",
            code="file.name",
            why="it holds control characters, or is not UTF-8",
            do=[("rename it:", f"mv {shlex.quote(str(path))} {shlex.quote(str(path.parent / ('model' + path.suffix)))}")],
        )
    with reading(path, what):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device, and an ordinary file is expected", str(path))
        path.open("rb").close()


def read_bytes(path: Path, what: str) -> bytes:
    """Return the bytes of a file the user named; raise UsageError when it is missing, a folder or unreadable."""
    require_file(path, what)
    with reading(path, what):
        return path.read_bytes()


def read_text(path: Path, what: str, *, most_bytes: int | None = None) -> str:
    """Return the text of a file the user named; raise UsageError when it is missing, a folder, unreadable or not UTF-8.

    A byte order mark, which some editors put first, is not part of the text. With `most_bytes` a larger file is refused unread.
    """
    require_file(path, what)
    with reading(path, what):
        if most_bytes is not None and (size := path.stat().st_size) > most_bytes:
            raise UsageError(
                f"{what} {path} is too large",
                code="file.large",
                why=f"{size / 1e6:.0f} MB; {most_bytes / 1e6:g} MB are more than any {what} needs",
                do=[("look at how it begins:", f"head -c 300 {shlex.quote(str(path))}")],
            )
        return path.read_text(encoding="utf-8-sig")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundled(name: str) -> Path:
    """Return the folder `name` ("models", "firmware_tools") that ships with edgekit: at a checkout's root or inside the wheel."""
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "_bundled" / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise SetupError(
        f"the folder {name} is missing from this installation",
        code="setup.bundle",
        do=[("reinstall:", "pip install --force-reinstall edgekit")],
    )
