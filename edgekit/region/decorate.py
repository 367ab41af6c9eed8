"""Measure every call of a function, whatever kind of function it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from edgekit.region.region import Region

Fresh = Callable[[], Region]


def measured(function: Callable[..., Any], fresh: Fresh) -> Any:
    """Return `function` with a fresh region around each call; a generator's region lasts from its first item to its end."""
    if inspect.iscoroutinefunction(function):
        wrapped: Any = _coroutine(function, fresh)
    elif inspect.isasyncgenfunction(function):
        wrapped = _asynchronous_generator(function, fresh)
    elif inspect.isgeneratorfunction(function):
        wrapped = _generator(function, fresh)
    else:
        wrapped = _plain(function, fresh)
    return functools.update_wrapper(wrapped, function)


def _plain(function: Callable[..., Any], fresh: Fresh) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        with fresh():
            return function(*args, **options)

    return call


def _coroutine(function: Callable[..., Any], fresh: Fresh) -> Any:
    async def call(*args: Any, **options: Any) -> Any:
        with fresh():
            return await function(*args, **options)

    return call


def _generator(function: Callable[..., Any], fresh: Fresh) -> Any:
    def call(*args: Any, **options: Any) -> Generator[Any, Any, Any]:
        with fresh():
            return (yield from function(*args, **options))

    return call


def _asynchronous_generator(function: Callable[..., Any], fresh: Fresh) -> Any:
    async def call(*args: Any, **options: Any) -> AsyncIterator[Any]:
        inner = function(*args, **options)
        with fresh():
            try:  # as `yield from` does, which asynchronous generators do not have
                item = await anext(inner)
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        item = await inner.athrow(error)
                    else:
                        item = await inner.asend(sent)
            except StopAsyncIteration:
                pass
            finally:
                await inner.aclose()

    return call
