"""Names for things that can be plugged in: methods, metrics, sources, commands.

A registry maps a name to a lazy target `"package.module:attribute"`, so that listing names imports nothing.
Other packages add entries through the entry-point group that carries the registry's name.
"""

import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar, cast

from heta.errors import HetaError, UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """Named, lazily imported objects of one kind.

    Args:
        kind: what an entry is called in messages, e.g. `"method"`.
        group: the entry-point group by which other packages add entries, e.g. `"heta.methods"`.
        builtin: name -> `"module:attribute"` of what ships with the toolkit.
    """

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._builtin = dict(builtin)
        self._loaded: dict[str, T] = {}

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            taken = found.get(point.name)
            if point.name in self._builtin or (taken is not None and taken.value != point.value):
                raise HetaError(
                    f"{self.kind} {point.name!r} is registered twice: {self._builtin.get(point.name) or taken} and "
                    f"{point.value!r}; uninstall one or rename its entry point in group {self.group!r}"
                )
            found[point.name] = point
        return found

    def names(self) -> list[str]:
        """Every known name: built-in ones in their declared order, then plug-ins by name."""
        return [*self._builtin, *sorted(self._plugins)]

    def __contains__(self, name: object) -> bool:
        return name in self._builtin or name in self._plugins

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def get(self, name: str) -> T:
        """The object registered as `name`, imported on first use.

        Raises:
            UnknownName: nothing has that name; the message lists what exists.
        """
        if name not in self._loaded:
            if name in self._builtin:
                module, _, attribute = self._builtin[name].partition(":")
                self._loaded[name] = cast(T, getattr(importlib.import_module(module), attribute))
            elif name in self._plugins:
                self._loaded[name] = self._plugins[name].load()
            else:
                raise UnknownName(self.kind, name, self.names())
        return self._loaded[name]
