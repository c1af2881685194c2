"""The documentation matches the commands: every documented line parses, every command is documented."""

import re
import shlex
from pathlib import Path

import click
import pytest

from heta import cli as root

ROOT = Path(__file__).parents[2]
AREAS = ("heta", "data", "evaluation", "annotation")
PAGES = [ROOT / "README.md", *(ROOT / area / "README.md" for area in AREAS)]
PAGES += sorted(page for area in AREAS for page in (ROOT / area / "docs").glob("*.md"))


def documented_lines() -> list[tuple[str, str]]:
    """`(page, command line)` for every `heta ...` line of every bash block, continuation lines joined."""
    lines = []
    for page in PAGES:
        for block in re.findall(r"```(?:bash|sh|console)\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if match := re.match(r"^(?:\$ )?(?:\w+=\S+ )*(?:\.venv/bin/)?(heta .*)", line):
                    # What comes after a pipe is another program's business.
                    lines.append((page.relative_to(ROOT).as_posix(), match.group(1).split(" | ")[0]))
    return lines


def resolve(words: list[str]) -> tuple[click.Command, click.Context, list[str]]:
    """The command that a line calls, its context, and the arguments that are left for it."""
    command: click.Command = root.cli
    context = click.Context(root.cli, info_name="heta")
    while isinstance(command, click.Group) and words:
        if words[0].startswith("-"):
            break
        found = command.get_command(context, words[0])
        assert found is not None, f"no such command: {words[0]}"
        context = click.Context(found, parent=context, info_name=words[0])
        command, words = found, words[1:]
    return command, context, words


@pytest.mark.parametrize(("page", "line"), documented_lines())
def test_a_documented_line_parses(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command, context, rest = resolve(words)
    if "--help" in rest or "--version" in rest:
        return
    # Parses options and arguments as a call would, without calling.
    command.make_parser(context).parse_args(list(rest))


def test_every_command_is_documented() -> None:
    shown = {tuple(shlex.split(line, comments=True)[1:]) for _, line in documented_lines()}

    def leaves(group: click.Group, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        for name in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), name)
            if isinstance(command, click.Group):
                found += leaves(command, (*path, name))
            elif command is not None and not command.hidden:
                found.append((*path, name))
        return found

    undocumented = [path for path in leaves(root.cli, ()) if not any(line[: len(path)] == path for line in shown)]
    assert undocumented == [], "commands that no README shows"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
