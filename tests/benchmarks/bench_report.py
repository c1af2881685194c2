"""What a report of many items costs. python tests/benchmarks/bench_report.py [--items N] [--folder DIR]

A folder of made-up items of 150 words, five scripted raters and ten methods is made and evaluated once (with few draws:
the page does not depend on them) and kept where --folder says. Then, each in a process of its own: the report is built
(seconds, processor seconds, peak memory, size), and Chromium opens it (seconds until the items are there, JavaScript
heap, errors, requests, what axe-core finds).
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.large_folder import make_large_folder
from heta_data.workspace import Workspace
from heta_evaluation.runner import evaluate

BUILD = """
import resource, sys, time
from heta_data.workspace import Workspace
from heta_evaluation.report import build_report
began = time.perf_counter()
build_report(Workspace(sys.argv[1]))
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def prepare(root: Path, items: int, methods: int) -> None:
    """Make and evaluate the folder, unless it is there."""
    if Workspace(root).results.exists():
        return
    began = time.perf_counter()
    workspace = make_large_folder(root, items=items, methods=methods)
    click.echo(f"made in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    evaluate(workspace, kinds=("simulated",), draws=100)
    click.echo(f"evaluated in {time.perf_counter() - began:.0f} s")


def open_page(page: Path, chromium: str, repeats: int) -> dict[str, Any]:
    """The least seconds of some openings, and everything that went wrong in any."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    seconds, heaps, problems = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(repeats):
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
            tab.on("pageerror", lambda error: problems.append(str(error)))
            tab.on("request", lambda request: problems.append(request.url) if request.url[:5] != "file:" else None)
            began = time.perf_counter()
            tab.goto(page.resolve().as_uri())
            tab.wait_for_selector("html[data-ready]")
            seconds.append(time.perf_counter() - began)
            heaps.append(tab.evaluate("performance.memory.usedJSHeapSize / 2 ** 20"))
            last = tab
        found = Axe().run(last).response["violations"]
        browser.close()
    serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
    return {"seconds": min(seconds), "heap_mib": max(heaps), "problems": problems, "axe": serious}


@click.command()
@click.option("--items", default=2000, show_default=True)
@click.option("--methods", default=10, show_default=True)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to make it, or where it is.")
@click.option("--chromium", default="chromium", show_default=True, help="Path of the browser.")
@click.option("--repeats", default=3, show_default=True, help="Openings; the fastest counts.")
def main(items: int, methods: int, folder: Path | None, chromium: str, repeats: int) -> None:
    """Build and open one report."""
    import shutil

    root = folder or Path(tempfile.mkdtemp(prefix="heta-report-"))
    prepare(root, items, methods)
    done = subprocess.run([sys.executable, "-c", BUILD, root], capture_output=True, text=True, check=True)
    wall, processor, memory = map(float, done.stdout.split())
    page = Workspace(root).report
    click.echo(f"built in {wall:.1f} s ({processor:.1f} s of a processor), at most {memory:.0f} MiB")
    click.echo(f"{page}: {page.stat().st_size / 1e6:.1f} MB")
    found = open_page(page, shutil.which(chromium) or chromium, repeats)
    click.echo(f"opened in {found['seconds']:.2f} s, JavaScript heap {found['heap_mib']:.0f} MiB")
    click.echo(json.dumps({"errors and requests": found["problems"], "serious by axe-core": found["axe"]}))


if __name__ == "__main__":
    main()
