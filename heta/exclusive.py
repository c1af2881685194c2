"""A module borrowed for passes: one thread at a time, in evaluation mode, frozen, and given back as it was."""

import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class ModelLock:
    """`with lock:` holds the module for this thread; it may be entered again inside.

    Inside, every part is in evaluation mode and no parameter asks for a gradient. On leaving, by an error or Ctrl-C
    too, each part and each parameter is as it was on entering. Parts are told one by one, since a user may have put
    some of them into another mode than the rest.
    """

    def __init__(self, module: "torch.nn.Module") -> None:
        self._module = module
        self._lock = threading.RLock()
        self._depth = 0
        self._training: list[torch.nn.Module] = []
        self._trained: list[tuple[torch.nn.Module, str]] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            if self._depth == 0:
                self._freeze()
            self._depth += 1
        except BaseException:
            self._thaw()
            self._lock.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._depth -= 1
            if self._depth == 0:
                self._thaw()
        finally:
            self._lock.release()

    def _freeze(self) -> None:
        parts = list(self._module.modules())
        self._training = [part for part in parts if part.training]
        # By owner and name: offloading puts new parameter objects in place of old ones.
        self._trained = [
            (part, name) for part in parts for name, own in part.named_parameters(recurse=False) if own.requires_grad
        ]
        for part in self._training:
            part.training = False
        for part, name in self._trained:
            part.get_parameter(name).requires_grad_(False)

    def _thaw(self) -> None:
        for part in self._training:
            part.training = True
        for part, name in self._trained:
            part.get_parameter(name).requires_grad_(True)
        self._training, self._trained = [], []
