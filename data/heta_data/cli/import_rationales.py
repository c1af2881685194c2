"""`heta data import rationales | eraser | cose | fair-rationales`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from heta_data.cli.importing import import_options, say_left_out
from heta_data.options import folder_flag

if TYPE_CHECKING:
    from heta_data.funnel import Funnel
    from heta_data.importing.rationale_import import ImportedRationales
    from heta_data.importing.rationales import Rationale, Texts
    from heta_data.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])
_SHOWN = 10


def _label_options(command: F) -> F:
    for decorate in reversed(
        (
            click.option("--licence", help="Under which licence the texts are: SPDX identifier, or public-domain-us."),
            click.option("--credit", help="Who made the texts, e.g. 'CommonsenseQA, Talmor et al. 2019'."),
            click.option("--url", default="", help="Where the texts come from."),
            click.option("--language", default="en", show_default=True, help="Of the texts, e.g. pt-BR."),
            click.option(
                "--split",
                type=click.Choice(["train", "dev", "test"]),
                default="test",
                show_default=True,
                help="Split that the items belong to.",
            ),
            click.option(
                "--kind",
                type=click.Choice(["human", "judge", "simulated"]),
                default="human",
                show_default=True,
                help="Who labelled: people, a language model, or scripts.",
            ),
            click.option(
                "--arm",
                type=click.Choice(["blind", "assisted"]),
                default="blind",
                show_default=True,
                help="blind: nobody saw anything that comes from an attribution. assisted: they saw some of it.",
            ),
        )
    ):
        command = decorate(command)
    return command


def _questions_option(command: F) -> F:
    return click.option(
        "--questions",
        required=True,
        type=click.Path(path_type=Path),
        help="CommonsenseQA's questions, choices and answers, JSON Lines.",
    )(command)


@click.command()
@import_options
@_label_options
def rationales(file: Path, **options: Any) -> None:
    """Marked spans as plain rows: .csv, .tsv or .jsonl.

    Columns: item_id, rater, start, end (code points of the prompt; none: nothing was marked), text (proof). The item is
    one of the folder, or its first row brings prompt and target, and where you like answer, question, group,
    evidence_start and evidence_end (what could be marked).

    \b
    Example:
      heta data import rationales marks.csv -C my-benchmark --licence CC-BY-4.0 --credit "the authors"
    """
    from heta_data.importing.span_table import read_span_table
    from heta_data.items import read_items

    def read(texts: "Texts", workspace: "Workspace") -> "Sequence[Rationale]":
        known = read_items(workspace.items) if workspace.items.exists() else []
        return read_span_table(file, texts, known)

    _run("rationales", file, [file], read, **options)


@click.command()
@import_options
@click.option(
    "--docs", type=click.Path(path_type=Path), help="Folder of documents or docs.jsonl (default: beside FILE)."
)
@_label_options
def eraser(file: Path, docs: Path | None, **options: Any) -> None:
    """ERASER: FILE is train.jsonl, val.jsonl or test.jsonl; documents lie beside it.

    \b
    Example:
      heta data import eraser movies/val.jsonl -C my-movies --licence CC-BY-4.0 --credit "ERASER, movie reviews"
    """
    from heta_data.importing.eraser import document_files, read_eraser

    if options["source"] is None:  # every one of its data sets has a val.jsonl
        options["source"] = f"{file.absolute().parent.name}-{file.stem}"
    place = document_files(file, docs)
    files = sorted(path for path in place.iterdir() if path.is_file()) if place.is_dir() else [place]
    _run("eraser", file, [file, *files], lambda texts, _: read_eraser(file, place, texts), **options)


@click.command()
@import_options
@_questions_option
@click.option(
    "--most",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Leave out rows whose selected text is more than this share of the question's words.",
)
@_label_options
def cose(file: Path, questions: Path, most: float, **options: Any) -> None:
    """CoS-E: FILE is cose_dev_v1.11.jsonl or another of its files; one unnamed rater.

    \b
    Example:
      heta data import cose cose_dev_v1.11.jsonl --questions dev.jsonl -C my-cose --licence MIT --credit CommonsenseQA
    """
    from heta_data.importing.commonsense import read_cose

    funnels: list[Funnel] = []

    def read(texts: "Texts", _: "Workspace") -> "Sequence[Rationale]":
        found = read_cose(file, questions, texts, most=most)
        funnels.append(found.funnel)
        return found.rationales

    _run("cose", file, [file, questions], read, funnels, **options)


@click.command("fair-rationales")
@import_options
@_questions_option
@click.option("--right-only", is_flag=True, help="Leave out raters who chose another answer than the right one.")
@_label_options
def fair_rationales(file: Path, questions: Path, right_only: bool, **options: Any) -> None:
    """fair-rationales on CommonsenseQA: several raters a question, words between blanks.

    \b
    Example:
      heta data import fair-rationales cose.jsonl --questions dev.jsonl -C my-fair --licence MIT --credit CommonsenseQA
    """
    from heta_data.importing.commonsense import read_fair_rationales

    funnels: list[Funnel] = []

    def read(texts: "Texts", _: "Workspace") -> "Sequence[Rationale]":
        found = read_fair_rationales(file, questions, texts, right_only=right_only)
        funnels.append(found.funnel)
        return found.rationales

    _run("fair-rationales", file, [file, questions], read, funnels, **options)


def _run(
    form: str,
    file: Path,
    files: Sequence[Path],
    read: "Callable[[Texts, Workspace], Sequence[Rationale]]",
    funnels: "Sequence[Funnel]" = (),
    /,
    *,
    folder: Path,
    source: str | None,
    kind: Any,
    arm: Any,
    as_json: bool,
    **options: Any,
) -> None:
    from heta_data.importing.files import files_hash, source_name
    from heta_data.importing.rationale_import import import_rationales
    from heta_data.importing.rationales import Answers, Texts
    from heta_data.workspace import Workspace

    name = source_name(file, source)
    about = {key: options.pop(key) for key in ("licence", "credit", "url", "language", "split")}
    workspace = Workspace(folder)
    found = read(Texts(source=name, **about), workspace)
    answers = Answers(form, name, files_hash(files), kind, arm)
    done = import_rationales(workspace, found, answers, **options)
    funnel = funnels[0] if funnels else None
    if as_json:
        document = {**asdict(done), "funnel": funnel.to_json() if funnel else None, "dry_run": options["dry_run"]}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    if funnel is not None:
        _say_funnel(funnel)
    _say(done)
    click.echo("nothing was written" if options["dry_run"] else f"Next: heta data show{folder_flag(folder)}")


def _say_funnel(funnel: "Funnel") -> None:
    click.echo(f"{funnel.start} rows read")
    for step in funnel.steps:
        click.echo(f"  {step.dropped:>6} left out: {step.why}")


def _say(done: "ImportedRationales") -> None:
    click.echo(f"source {done.source}, sha256 {done.sha256[:12]}...; taken as {done.kind}, {done.arm}")
    click.echo(f"items  {done.items}, {done.new_items} of them new")
    click.echo(f"labels {done.labels} ({done.empty} mark nothing), {done.new_labels} of them new")
    renamed = ", renamed: the file's names are no pseudonyms" if done.renamed else ""
    shown = ", ".join(done.raters[:_SHOWN]) + (", ..." if len(done.raters) > _SHOWN else "")
    click.echo(f"raters {len(done.raters)}: {shown}{renamed}")
    if done.removed_items or done.removed_labels:
        click.echo(f"earlier version: {done.removed_items} items and {done.removed_labels} labels removed")
    for line in done.stray:
        click.echo(f"no word: {line}", err=True)
    say_left_out(done.left_out, done.left_out_answers, "answers")
