"""Campaign folders for tests: items with difficult text, attributions, and the two arms' servers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from helpers.sample_records import make_attribution, make_item
from heta_data.compose import compose_item, label_units
from heta_data.jsonl import write_records
from heta_data.records import Arm, AttributionRecord, Item, Rights
from heta_data.workspace import Workspace

if TYPE_CHECKING:
    from heta_annotation.campaign.client import CampaignClient
    from heta_annotation.studio.connection import Connection

ARMS: tuple[Arm, ...] = ("blind", "assisted")
METHOD = "heta_fast"
MODEL = "tiny"
CONFIG = "0" * 8


def text_item(
    number: int, evidence: str, distractor: str, question: str, answer: str, *, language: str = "en", first: bool = True
) -> Item:
    """An item from plain texts."""
    rights = [
        Rights(field=field, licence="CC-BY-4.0", source="test")
        for field in ("evidence", "distractor", "question", "answer")
    ]
    return compose_item(
        source="test",
        source_id=f"text-{number}",
        group=f"text-{number}",
        split="test",
        language=language,
        evidence=evidence,
        distractor=distractor,
        question=question,
        answer=answer,
        evidence_first=first,
        rights=rights,
    )


def difficult_items() -> list[Item]:
    """Emoji, accents, quotation marks, markup, right-to-left, and a script without blanks."""
    return [
        text_item(
            1,
            "“Zoë” keeps bees (two hives 🐝👩‍🌾) at Éclair’s gate.",
            "A&B's <s>blend</s> costs $text; e\u0301t\u00e9 & 12 more.",
            "What does Zoë keep for $answer?",
            "bees",
        ),
        text_item(
            2,
            "عمّان هي عاصمة الأردن، ويسكنها نحو 4 ملايين نسمة.",
            "يبيع أحمد التفاح في السوق كل يوم اثنين.",
            "ما عاصمة الأردن؟",
            "عمّان",
            language="ar",
            first=False,
        ),
        text_item(
            3, "東京は日本の首都です。", "猫は庭で寝ています。", "東京はどこの首都ですか?", "日本", language="ja"
        ),
    ]


def write_folder(
    workspace: Workspace,
    items: list[Item],
    toml: str = "",
    *,
    attributions: Mapping[str, AttributionRecord] | None = None,
) -> Workspace:
    """Write items, a table [campaign] holding `toml`, and attributions (by default one for each item)."""
    write_records(workspace.items, items)
    workspace.config.write_text(f"[campaign]\n{toml}", encoding="utf-8")
    records = (
        [make_attribution(item, method=METHOD, model=MODEL) for item in items]
        if attributions is None
        else attributions.values()
    )
    if records:
        write_records(workspace.attribution_file(MODEL, METHOD, CONFIG), records)
    return workspace


def simple_items(count: int) -> list[Item]:
    """Short items that differ in a number."""
    return [make_item(number) for number in range(1, count + 1)]


def words_of(item: Item) -> list[str]:
    """The texts of an item's label units."""
    return [item.prompt[unit.start : unit.end] for unit in label_units(item)]


def start_arms(servers: Workspace) -> "dict[Arm, Connection]":
    """The arms' servers in the session's folder, started by the first test that needs them."""
    from heta_annotation.studio import local

    return {arm: local.start(servers, arm) for arm in ARMS}


def campaign_folder(tmp_path: Path, servers: Workspace) -> Workspace:
    """An empty campaign folder that uses the servers of the session's folder."""
    workspace = Workspace(tmp_path / "campaign")
    workspace.studio = servers.studio
    return workspace


def queue_client(folder: Workspace, connection: "Connection", queue: str) -> "CampaignClient":
    """The client that reaches a queue, as its rater where the queue is one's own."""
    from heta_annotation.campaign.client import CampaignClient, queue_connection
    from heta_annotation.studio.accounts import known_accounts

    return CampaignClient(queue_connection(queue, connection, known_accounts(folder, connection.name)))


def project_of(folder: Workspace, queue: str) -> int:
    """Label Studio's number of a queue's project, which must exist."""
    from heta_annotation.campaign.ledger import open_existing

    with open_existing(folder.ledger) as ledger:
        number = ledger.project(queue)
    assert number is not None
    return number


class LossyProxy:
    """Stands between client and server and loses the reply to imports: the server completes what the client lost."""

    def __init__(self, url: str, *, hang: bool) -> None:
        self.lost = 0
        self.release = Event()
        host = url.removeprefix("http://")
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                upstream = HTTPConnection(host, timeout=120)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
                upstream.request(self.command, self.path, body=body or None, headers={**headers, "Connection": "close"})
                if self.command == "POST" and "/import" in self.path:
                    proxy.lost += 1
                    if hang:
                        # The client gives up first; the server's reply is read afterwards and thrown away.
                        proxy.release.wait(60)
                    upstream.getresponse().read()
                    upstream.close()
                    self.close_connection = True
                    return
                reply = upstream.getresponse()
                content = reply.read()
                self.send_response(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                upstream.close()

            do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - names that http.server looks for

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "LossyProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def chromium_browser(chromium: str) -> Iterator["object"]:
    """A fresh headless Chromium that talks to nobody but the servers it is sent to."""
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def chromium_page(chromium: str, *, width: int = 1280, height: int = 800) -> Iterator["object"]:
    """A page of a browser of its own."""
    with chromium_browser(chromium) as browser:
        yield browser.new_page(viewport={"width": width, "height": height})  # type: ignore[attr-defined]
