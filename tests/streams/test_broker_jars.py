from __future__ import annotations

import gc
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from schemas.errors import BrokerUnavailable
from streams.broker_jars import JARS
from streams.jars import cache_folder, kafka_jars

NOBODY = "http://127.0.0.1:1"
SMALLEST = min(JARS, key=lambda jar: jar.size_bytes)


class Mirror(ThreadingHTTPServer):
    """Serves the jars of the real cache as a repository does, and counts who asks for what."""

    daemon_threads = True

    def __init__(self, libs: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.libs = libs
        self.asked: Counter[str] = Counter()
        self.altered: set[str] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = Path(self.path).name
        file = self.server.libs / name
        if not file.exists():
            self.send_error(404)
            return
        self.server.asked[name] += 1
        content = file.read_bytes()
        if name in self.server.altered:
            content = bytes([content[0] ^ 1]) + content[1:]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def real_cache() -> Path:
    kafka_jars()
    return cache_folder()


@pytest.fixture
def mirror(real_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    server = Mirror(real_cache / "libs")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HEADRACE_MAVEN", server.address)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def empty(real_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it, and a home with nothing in it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "home").mkdir()
    return cache_folder()


@pytest.fixture
def filled(real_cache: Path, empty: Path) -> Path:
    """A copy of the real cache."""
    shutil.copytree(real_cache / "libs", empty / "libs")
    shutil.copy2(real_cache / "checked.json", empty)
    return empty


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_first_use_fetches_every_jar_once_and_writes_only_into_the_cache(
    empty: Path, mirror: Mirror, tmp_path: Path
) -> None:
    heard: list[tuple[str, int, int]] = []
    libs = kafka_jars(lambda *report: heard.append(report))
    assert all(jar.matches(libs / jar.name) for jar in JARS)
    assert set(mirror.asked.values()) == {1}
    total = sum(jar.size_bytes for jar in JARS)
    assert heard[-1][1:] == (total, total)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert not names(tmp_path / "home")
    assert names(empty) == {"libs", "checked.json", "lock"}


def test_two_starts_at_once_fetch_every_jar_once(empty: Path, mirror: Mirror) -> None:
    with ThreadPoolExecutor(2) as pool:
        for result in [pool.submit(kafka_jars), pool.submit(kafka_jars)]:
            result.result()
    assert set(mirror.asked.values()) == {1}


def test_cache_is_used_without_a_network(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_MAVEN", NOBODY)
    assert kafka_jars() == filled / "libs"


def test_altered_jar_is_fetched_again_and_only_that(filled: Path, mirror: Mirror) -> None:
    path = filled / "libs" / SMALLEST.name
    path.write_bytes(b"\0" * SMALLEST.size_bytes)
    kafka_jars()
    assert SMALLEST.matches(path)
    assert mirror.asked == {SMALLEST.name: 1}


def test_file_that_is_no_jar_of_kafka_does_not_get_onto_the_class_path(filled: Path, mirror: Mirror) -> None:
    (filled / "libs" / "stranger.jar").write_bytes(b"x")
    assert names(kafka_jars()) == {jar.name for jar in JARS}
    assert not mirror.asked


# jgo does not close the connections of a fetch that ends in the middle; the collector does.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fetch_that_is_interrupted_leaves_only_whole_jars_and_goes_on_from_there(empty: Path, mirror: Mirror) -> None:
    def interrupt(what: str, done_bytes: int, total_bytes: int) -> None:
        if done_bytes > total_bytes / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kafka_jars(interrupt)
    gc.collect()
    kept = names(empty / "libs")
    assert 0 < len(kept) < len(JARS)
    assert all(jar.matches(empty / "libs" / jar.name) for jar in JARS if jar.name in kept)
    assert "fetching" not in names(empty)
    mirror.asked.clear()
    kafka_jars()
    assert mirror.asked.keys() == {jar.name for jar in JARS} - kept


def test_jar_that_arrives_altered_is_not_used(filled: Path, mirror: Mirror) -> None:
    (filled / "libs" / SMALLEST.name).unlink()
    mirror.altered.add(SMALLEST.name)
    with pytest.raises(BrokerUnavailable, match=rf"{SMALLEST.name} arrived with other content"):
        kafka_jars()
    assert SMALLEST.name not in names(filled / "libs")


def test_no_network_and_no_cache_names_the_folder_and_the_ways_out(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_MAVEN", NOBODY)
    with pytest.raises(BrokerUnavailable) as refused:
        kafka_jars()
    text = str(refused.value)
    assert "the network does not answer" in text
    assert str(empty) in text
    assert "HEADRACE_BOOTSTRAP" in text
