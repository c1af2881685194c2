"""Options of commands that compute: where and in which portions. No result, record key or config hash knows of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--device-map",
        metavar="MAP",
        help="Instead of --device, where accelerate puts the model's parts: auto, balanced, balanced_low_0, sequential "
        "or a device. Never part of a result's configuration.",
    ),
    click.option(
        "--memory",
        metavar="SIZE",
        help="Most that one batch may take beside the model, e.g. 2GB or 512MiB. Changes speed, results only by "
        "rounding; never part of their configuration.",
    ),
    click.option(
        "--tokens",
        type=click.IntRange(min=1),
        metavar="N",
        help="Most tokens in one pass [default: 512 on a CPU, 8192 elsewhere]. Like --memory, no part of a result's "
        "configuration.",
    ),
)


def execution_options(command: F) -> F:
    """`--device-map`, `--memory` and `--tokens`, passed as `device_map`, `memory` and `tokens`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
