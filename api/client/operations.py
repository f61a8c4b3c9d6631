"""One definition of each operation for both clients.

A resource's method builds a `Call` and says nothing of connections. On a resource of a sync client it is called and gives the answer; on
one of an async client it gives an awaitable of the same. Lists give iterators, or async iterators.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from api.client.calls import Call, Page
from api.client.conversation import Series, Session, Steps, every

P = ParamSpec("P")
T = TypeVar("T")
Mode = TypeVar("Mode", "Sync", "Async")


class Sync:
    """Says of a resource that it blocks."""


class Async:
    """Says of a resource that it is awaited."""


class Driver(Protocol):
    """What carries steps out: one of the two clients."""

    @property
    def session(self) -> Session: ...

    def run(self, steps: Steps[Any]) -> Any: ...

    def iterate(self, series: Series[Any]) -> Any: ...


class Resource(Generic[Mode]):
    """Operations on one kind of thing, at one node."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @property
    def driver(self) -> Driver:
        return self._driver


class operation(Generic[P, T]):  # noqa: N801 - a decorator, as `property` is
    """Makes a method of a resource that builds a `Call` into one that gives its answer."""

    def __init__(self, build: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, resource: Resource[Sync], owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, resource: Resource[Async], owner: type) -> Callable[P, Awaitable[T]]: ...

    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        if resource is None:
            return self

        @wraps(self._build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            driver = resource.driver
            return driver.run(driver.session.ask(self._build(resource, *args, **kwargs)))

        return call


class listing(Generic[P, T]):  # noqa: N801 - a decorator, as `property` is
    """Makes a method that builds a `Call` for a page into one that iterates over everything on the list."""

    def __init__(self, build: Callable[Concatenate[Any, P], Call[Page[T]]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, resource: Resource[Sync], owner: type) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, resource: Resource[Async], owner: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        if resource is None:
            return self

        @wraps(self._build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            driver = resource.driver
            return driver.iterate(every(driver.session, self._build(resource, *args, **kwargs)))

        return call


class series(Generic[P, T]):  # noqa: N801 - a decorator, as `property` is
    """Makes a method that gives steps of its own into one that iterates over what they emit."""

    def __init__(self, build: Callable[Concatenate[Any, P], Series[T]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, resource: Resource[Sync], owner: type) -> Callable[P, Iterator[T]]: ...

    @overload
    def __get__(self, resource: Resource[Async], owner: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        if resource is None:
            return self

        @wraps(self._build)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return resource.driver.iterate(self._build(resource, *args, **kwargs))

        return call
