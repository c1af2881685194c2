"""`heta attribute`: score one prompt."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heta.budget import Budget, parse_memory
from heta.commands.execution import execution_options
from heta.commands.status import Status
from heta.errors import ConfigError, InputError

if TYPE_CHECKING:
    from heta.methods import Method
    from heta.model import LoadedModel
    from heta.records import Attribution, Continuation, TargetPolicy

POLICIES = ("answer", "first", "each", "model")


@dataclass(frozen=True)
class _Job:
    """What is to be computed, apart from the model and the method."""

    prompt: str
    target: str | None
    generate: int | None
    policy: "TargetPolicy"
    foil: str | None
    chat: bool
    system: str | None
    budget: Budget


@click.command()
@click.argument("prompt")
@click.option("--target", help="The continuation to explain, with its leading space.")
@click.option(
    "--generate", type=click.IntRange(min=1), metavar="N", help="Let the model write N tokens and explain those."
)
@click.option("--chat", is_flag=True, help="PROMPT is the user's turn in the model's chat template.")
@click.option("--system", metavar="TEXT", help="With --chat: the system message [default: the template's own].")
@click.option("--model", "model_name", help="smollm2, a folder or a hub id [default: smollm2].")
@click.option("--revision", help="Branch, tag or commit of a hub id.")
@click.option("--device", help="A torch device [default: cuda where there is one, else cpu].")
@execution_options
@click.option("--score-first", is_flag=True, help="Put no BOS token in front and score the prompt's first token too.")
@click.option(
    "--random-weights",
    type=click.IntRange(min=0),
    metavar="SEED",
    help="The model with weights that were never trained, as a control.",
)
@click.option("--method", default="heta_fast", show_default=True, help="One of `heta methods`.")
@click.option("--preset", type=click.Choice(["quick", "source"]), help="Options by name; --option goes over them.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the method; repeatable.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="answer",
    show_default=True,
    help="Explain the whole target, its first token, each token by itself, or the model's own continuation.",
)
@click.option("--foil", help="Explain why the target rather than this other continuation, where the two part.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a heat strip here.")
@click.option("--save", "save_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines, the same that --save writes.")
def attribute(
    prompt: str,
    target: str | None,
    generate: int | None,
    chat: bool,
    system: str | None,
    model_name: str | None,
    revision: str | None,
    device: str | None,
    device_map: str | None,
    memory: str | None,
    tokens: int | None,
    score_first: bool,
    random_weights: int | None,
    method: str,
    preset: str | None,
    options: tuple[str, ...],
    policy: Any,
    foil: str | None,
    html_file: Path | None,
    save_file: Path | None,
    as_json: bool,
) -> None:
    """Score how much each token of PROMPT mattered for the target ("-" reads PROMPT from standard input, less a
    line feed at its end).

    \b
    Example:
      heta attribute "The capital of France is" --target " Paris" --html paris.html
      heta attribute "The capital of France is" --target " Paris" --method heta --option probes=3
      heta attribute "The capital of France is" --target " Paris" --foil " Rome"
      heta attribute "The capital of France is" --target " Paris" --device-map auto --memory 2GB
      heta attribute "The capital of France is" --target " Paris" --score-first
      heta attribute "The capital of France is" --target " Paris" --method lime --preset source
      heta attribute "The capital of France is" --target " Paris" --method kl --random-weights 0
      heta attribute "What is the capital of France?" --chat --generate 20 --save paris.json
    """
    from heta.encode import check_prompt, check_texts
    from heta.methods import create_method
    from heta.presets import preset_options

    if (target is None) == (generate is None):
        raise click.UsageError("give exactly one of --target and --generate: what to explain, or how much to write")
    if system is not None and not chat:
        raise click.UsageError("--system belongs to a chat; give --chat as well, or leave it out")
    named = {} if preset is None else preset_options(preset, method)
    chosen = create_method(method, **{**named, **parse_options(options)})
    budget = Budget(tokens=tokens, memory=None if memory is None else parse_memory(memory))
    if foil is not None and policy != "answer":
        raise click.UsageError("--foil explains one token, the first in which the two part; leave --policy out")
    if chat and score_first:
        raise click.UsageError("--score-first: a chat begins with its template, which gets no score; leave one out")
    if not chosen.needs_model:
        explaining = {
            "--policy": policy if policy != "answer" else None,
            "--foil": foil,
            "--chat": chat or None,
            "--score-first": score_first or None,
        }
        loading = {"--revision": revision, "--device": device, "--device-map": device_map, "--model": model_name}
        loading["--random-weights"] = None if random_weights is None else str(random_weights)
        running = {"--memory": memory, "--tokens": tokens}
        # What the method does not read; a model that writes the target is loaded all the same.
        _refuse(method, explaining | running if generate else explaining | running | loading)
    for option, path in (("--html", html_file), ("--save", save_file)):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{option} {path}: the folder {path.parent} does not exist; create it first")
    if prompt == "-":
        prompt = _read_standard_input()
    # Loading a model takes seconds: what needs none is refused before.
    if target is None:
        check_prompt(prompt)
    else:
        check_texts(prompt, target, ())
    model = None
    job = _Job(prompt, target, generate, policy, foil, chat, system, budget)
    with Status() as say:
        if chosen.needs_model or generate is not None:
            from heta.model import load_model

            name = model_name or "smollm2"
            say(f"loading {name}")
            model = load_model(
                name,
                revision=revision,
                device=device,
                device_map=device_map,
                bos=not score_first,
                exclude_first=not score_first,
                random_weights=random_weights,
            )
        result = _compute(job, model, chosen, say)
    _show(result, html_file, save_file, as_json)


def _refuse(method: str, options: "dict[str, Any]") -> None:
    """Refuse the first of `options` that is given, since a method without a model reads none of them."""
    for name, given in options.items():
        if given is not None:
            raise ConfigError(f"{name} does nothing for method {method!r}, which uses no model; leave it out")


def _compute(job: _Job, model: "LoadedModel | None", method: "Method", say: Status) -> "Attribution":
    from heta.prepared import prepare
    from heta.target import TargetChoice

    target, notes = _target(job, model, say)
    if not isinstance(target, str) and not method.needs_model:
        notes = (f"the model wrote {target.text!r}", *notes)
    say(f"scoring with {method.name}")
    choice = TargetChoice(job.policy, foil=job.foil)
    prepared = prepare(model, job.prompt, target, policy=choice, budget=job.budget, chat=job.chat, system=job.system)
    result = prepared.attribute(method)
    return replace(result, notes=(*notes, *result.notes))


def _target(job: _Job, model: "LoadedModel | None", say: Status) -> tuple["str | Continuation", tuple[str, ...]]:
    """The target, and what there is to say about how it came about."""
    if job.generate is None or model is None:
        return job.target or "", ()
    from heta.continuation import generate

    say(f"generating {job.generate} tokens")
    written = generate(model, job.prompt, job.generate, chat=job.chat, system=job.system)
    if not written.ended:
        return written, ()
    return written, (f"the model ended its text after {len(written.token_ids)} of {job.generate} tokens",)


def _read_standard_input() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 at byte {error.start}; convert it first") from error
    # The line feed that ends a file or an `echo`; it would be a token in front of the target.
    return text.removesuffix("\n").removesuffix("\r")


def _show(result: "Attribution", html_file: Path | None, save_file: Path | None, as_json: bool) -> None:
    from heta import page, render, saved

    if html_file is not None:
        html_file.write_text(page.heat_html(result), encoding="utf-8")
    if save_file is not None:
        result.save(save_file)
    if as_json:
        click.echo(saved.to_text(result))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    render.print_to(console, result)
    for path in (html_file, save_file):
        if path is not None:
            console.print(f"{'written':8} {path}", markup=False)


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
        except (ValueError, RecursionError):
            found[name] = value
    return found
