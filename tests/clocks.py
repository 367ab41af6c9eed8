"""Compile a library that moves the clocks of a program which preloads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
%s
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, now);
    now->tv_sec += shift_s(id);
    return done;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec; now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *where) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (where) *where = exact.tv_sec;
    return exact.tv_sec;
}
"""


def moved_clocks(folder: Path, shift_s: str) -> Path:
    """Return a library for LD_PRELOAD; `shift_s` is C that defines `long shift_s(clockid_t id)`, the seconds added to that clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler to make clocks that can be moved")
    source, library = folder / "clocks.c", folder / "clocks.so"
    source.write_text(_SOURCE % shift_s)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library
