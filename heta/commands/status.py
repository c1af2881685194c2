"""What is going on, told on standard error."""

import click


class Status:
    """What is going on, on standard error: a spinner on a terminal, plain lines elsewhere."""

    def __enter__(self) -> "Status":
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._spinner = self._console.status("") if self._console.is_terminal else None
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __call__(self, line: str) -> None:
        """Tell `line` in place of what was told before."""
        if self._spinner is not None:
            self._spinner.update(line)
        else:
            click.echo(line, err=True)

    def print(self, line: str) -> None:
        """Print `line` on standard output; a running spinner would draw it on standard error instead."""
        if self._spinner is not None:
            self._spinner.stop()
        click.echo(line)
        if self._spinner is not None:
            self._spinner.start()

    def __exit__(self, *_: object) -> None:
        if self._spinner is not None:
            self._spinner.stop()
