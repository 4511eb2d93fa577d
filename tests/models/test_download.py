"""Fetching models from a hub of our own that cuts, lies, refuses and stalls."""

import errno
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from fakes.hub import COMMIT, FakeHub, gguf, safetensors, sha256

from narrator.mailbox import Cancel
from narrator.models import store
from narrator.models.address import Hub
from narrator.models.bring import bring
from narrator.models.download import get
from narrator.models.failures import ModelError
from narrator.models.hub import Patience

TEXT, PROJECTOR = gguf(900_000), gguf(300_000, b"projector", "clip")
WEIGHTS = safetensors(900_000)
NAME = "nobody/model"
HASTY = Patience(connect=2, read=2, pauses=(0.01, 0.01, 0.01))


@pytest.fixture
def stocked(hub):
    hub.add(NAME, {"model-Q4_K_M.gguf": TEXT, "mmproj-model-Q8_0.gguf": PROJECTOR, "README.md": b"read"})
    return hub


def fetch(hub, name=NAME, patience=HASTY, cancelled=None):
    told = []
    found = get(name, told.append, Cancel() if cancelled is None else cancelled, Hub(hub.url), patience)
    return found, told


def refused(hub, **more):
    with pytest.raises(ModelError) as caught:
        fetch(hub, **more)
    return caught.value


def parts():
    return {path.name.rsplit(".", 2)[0]: path.stat().st_size for path in store.folder_of(NAME).glob("*.part")}


def test_a_model_comes_whole_with_its_record(stocked):
    found, told = fetch(stocked)
    assert found.model.read_bytes() == TEXT
    assert found.projector.read_bytes() == PROJECTOR
    assert (found.name, found.engine, found.size) == (NAME, "gguf", 1_200_000)
    assert store.installed() == (found,)
    record = store.record_of(NAME)
    assert [(file.sha256, file.told_by) for file in record.files] == [(sha256(TEXT), "hub"), (sha256(PROJECTOR), "hub")]
    assert (record.revision, record.licence) == (COMMIT, "apache-2.0")
    assert (told[-1].done, told[-1].total) == (1_200_000, 1_200_000)
    assert parts() == {}


def test_all_files_count_as_one(stocked):
    _, told = fetch(stocked)
    assert {progress.total for progress in told} == {1_200_000}
    done = [progress.done for progress in told]
    assert done == sorted(done)


def test_one_that_is_here_is_not_fetched_again(stocked):
    fetch(stocked)
    before = len(stocked.asked)
    assert fetch(stocked)[0].model.read_bytes() == TEXT
    assert len(stocked.asked) == before


def test_three_cuts_are_resumed_where_they_were(stocked):
    stocked.behaviour.cuts = [200_000, 100_000, 300_000]
    found, told = fetch(stocked)
    assert found.model.read_bytes() == TEXT
    assert [asked.range for asked in stocked.bodies][:4] == ["", "bytes=200000-", "bytes=300000-", "bytes=600000-"]
    assert sum(asked.sent for asked in stocked.bodies) == 1_200_000, "no byte came twice"
    assert "waiting" in {progress.doing for progress in told}


def test_cuts_that_bring_bytes_never_end_it(stocked):
    stocked.behaviour.cuts = [50_000] * 12
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def test_a_line_that_brings_nothing_ends_it_and_keeps_what_came(stocked):
    stocked.behaviour.cuts = [400_000] + [0] * 9
    error = refused(stocked)
    assert error.sentence == f"The download of {NAME} broke off again and again. 400 kB of 1 MB are kept."
    assert "it goes on where it stopped" in error.remedy
    assert parts() == {"model-Q4_K_M.gguf": 400_000}
    assert store.installed() == ()
    stocked.behaviour.cuts = []
    found, told = fetch(stocked)
    assert found.model.read_bytes() == TEXT
    assert told[0].doing == "checking"
    assert stocked.bodies[-2].range == "bytes=400000-"


def test_after_a_restart_the_file_that_was_whole_is_not_fetched_again(stocked):
    stocked.behaviour.cuts = [900_000, 100_000] + [0] * 9
    refused(stocked)
    before = len(stocked.bodies)
    stocked.behaviour.cuts = []
    assert fetch(stocked)[0].projector.read_bytes() == PROJECTOR
    assert [(asked.path.rpartition("/")[2], asked.range) for asked in stocked.bodies[before:]] == [
        ("mmproj-model-Q8_0.gguf", "bytes=100000-")
    ]


def test_a_hub_without_range_starts_again(stocked):
    stocked.behaviour.cuts = [400_000]
    stocked.behaviour.ignores_range = True
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def test_a_part_of_another_version_is_not_continued(stocked):
    stocked.behaviour.cuts = [400_000] + [0] * 9
    refused(stocked)
    stocked.behaviour.cuts = []
    newer = gguf(900_000, b"newer")
    stocked.repositories[NAME].files["model-Q4_K_M.gguf"] = newer
    assert fetch(stocked)[0].model.read_bytes() == newer
    assert stocked.bodies[-2].range == ""
    assert parts() == {}


def test_a_part_that_is_damaged_meanwhile_is_found_out(stocked):
    stocked.behaviour.cuts = [400_000] + [0] * 9
    refused(stocked)
    stocked.behaviour.cuts = []
    (part,) = store.folder_of(NAME).glob("*.part")
    part.write_bytes(bytes(400_000))
    assert refused(stocked).cause == "wrong_hash"
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def test_a_part_that_is_too_long_starts_again(stocked):
    stocked.behaviour.cuts = [400_000] + [0] * 9
    refused(stocked)
    stocked.behaviour.cuts = []
    (part,) = store.folder_of(NAME).glob("*.part")
    part.write_bytes(bytes(900_001))
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def test_a_wrong_hash_is_refused_and_nothing_is_left(stocked):
    stocked.behaviour.sends = {"model-Q4_K_M.gguf": TEXT[:-1] + b"?"}
    error = refused(stocked)
    assert error.sentence == "model-Q4_K_M.gguf is not what it should be: its sha256 is wrong. It was deleted."
    assert parts() == {}
    assert store.installed() == ()
    assert not list(store.folder_of(NAME).glob("*.gguf"))


def test_a_small_file_is_checked_by_its_git_id(hub):
    hub.add(NAME, {"config.json": b"{}", "model.safetensors": WEIGHTS, "run.py": b"print()", "pytorch_model.bin": b"x"})
    found, _ = fetch(hub)
    assert (found.engine, found.model) == ("torch", store.folder_of(NAME))
    assert {path.name for path in found.model.iterdir()} == {".record.json", "config.json", "model.safetensors"}
    store.forget(NAME)
    hub.behaviour.sends = {"config.json": b"[]"}
    assert refused(hub).cause == "wrong_hash"


def test_sizes_and_hashes_that_the_listing_lacks_are_asked_for(stocked):
    stocked.behaviour.tells_sizes = False
    fetch(stocked)
    assert [file.told_by for file in store.record_of(NAME).files] == ["hub", "hub"]
    assert [asked.method for asked in stocked.asked] == ["GET", "HEAD", "HEAD", "GET", "GET"]


def test_where_nobody_tells_a_hash_the_record_says_so(stocked):
    stocked.behaviour.tells_sizes = stocked.behaviour.tells_hashes = False
    fetch(stocked)
    assert [(file.sha256, file.told_by) for file in store.record_of(NAME).files] == [
        (sha256(TEXT), "itself"),
        (sha256(PROJECTOR), "itself"),
    ]


def test_files_that_lie_elsewhere_are_fetched_there_without_the_token(stocked, monkeypatch):
    monkeypatch.setenv("SCENE_NARRATOR_HUB_TOKEN", "hf_nobodys")
    stocked.repositories[NAME].is_gated = True
    with FakeHub() as other:
        other.repositories = stocked.repositories
        stocked.behaviour.redirects_to = other.url
        stocked.behaviour.cuts = []
        other.behaviour.cuts = [500_000]
        assert fetch(stocked)[0].model.read_bytes() == TEXT
        assert {asked.token for asked in other.asked} == {""}
        assert [asked.range for asked in other.asked][:2] == ["", "bytes=500000-"]
    assert stocked.asked[-1].token == "hf_nobodys"


def test_a_redirect_to_where_nothing_may_be_fetched_is_refused(stocked):
    stocked.behaviour.redirects_to = "http://192.0.2.1"
    monkey = "http://example.invalid"
    stocked.behaviour.redirects_to = monkey
    error = refused(stocked)
    assert error.sentence == "127.0.0.1 sent the download on to example.invalid, which is not allowed."


def test_offline_even_a_redirect_to_the_network_is_refused(stocked):
    stocked.behaviour.redirects_to = "https://192.0.2.1"
    with pytest.raises(ModelError) as caught:
        get(NAME, lambda _: None, Cancel(), Hub(stocked.url, offline=True), HASTY)
    assert caught.value.cause == "redirected"


BUSY = [
    (429, {"Retry-After": "0"}, "busy"),
    (503, {}, "broken"),
    (500, {}, "broken"),
]


@pytest.mark.parametrize(("status", "headers", "cause"), BUSY)
def test_a_busy_hub_is_asked_again(stocked, status, headers, cause):
    stocked.behaviour.refusals = [(status, headers)] * 2
    assert fetch(stocked)[0].model.read_bytes() == TEXT
    store.forget(NAME)
    stocked.behaviour.refusals = [(status, headers)] * 9
    assert refused(stocked).cause == cause


def test_retry_after_is_honoured(stocked):
    stocked.behaviour.refusals = [(429, {"Retry-After": "1"})]
    begun = time.monotonic()
    fetch(stocked)
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("status", [400, 405, 418])
def test_other_refusals_are_not_tried_again(stocked, status):
    stocked.behaviour.refusals = [(status, {})] * 2
    assert refused(stocked).sentence == f"127.0.0.1 answered with an error, {status}."
    assert len(stocked.bodies) == 1


def test_a_range_that_was_not_asked_for_is_not_kept(stocked):
    stocked.behaviour.cuts = [400_000]
    stocked.behaviour.wrong_range = True
    assert refused(stocked).cause == "unreadable"
    stocked.behaviour.wrong_range = False
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def test_a_login_page_in_between_is_told(stocked):
    stocked.behaviour.html = True
    error = refused(stocked)
    assert error.sentence == "127.0.0.1 answered with something else than a hub would."
    assert "A login page of your network may be in between" in error.remedy


def test_a_login_page_in_place_of_a_file_is_told(stocked):
    stocked.behaviour.sends = {"model-Q4_K_M.gguf": b"<!doctype html>"}
    assert refused(stocked).cause == "unreadable"
    assert parts() == {"model-Q4_K_M.gguf": 0}


def test_a_slow_line_tells_speed_and_time_left(stocked):
    stocked.behaviour.pause = 0.05
    _, told = fetch(stocked)
    middle = [progress for progress in told if progress.left is not None and progress.done < progress.total]
    assert len(middle) >= 2
    assert all(100_000 < progress.speed < 1_400_000 for progress in middle)
    assert middle[-1].left == pytest.approx((1_200_000 - middle[-1].done) / middle[-1].speed)


def test_a_line_that_stalls_is_left_and_resumed(stocked):
    stocked.behaviour.stalls_at = 700_000
    patience = Patience(connect=2, read=0.3, pauses=(0.01, 0.01))
    found, _ = fetch(stocked, patience=patience)
    assert found.model.read_bytes() == TEXT
    assert stocked.bodies[1].range == "bytes=700000-"


def test_a_cancel_ends_a_stalled_line_at_once_and_keeps_the_part(stocked):
    stocked.behaviour.stalls_at = 262_144
    cancelled, taken = Cancel(), []

    def cancel() -> None:
        stocked.flowing.wait(10)
        while sum(parts().values()) < 262_144:
            stocked.closing.wait(0.01)
        taken.append(time.monotonic())
        cancelled.throw()

    threading.Thread(target=cancel, daemon=True).start()
    found, _ = fetch(stocked, patience=Patience(read=30), cancelled=cancelled)
    assert found is None
    assert time.monotonic() - taken[0] < 0.5
    assert parts() == {"model-Q4_K_M.gguf": 262_144}
    assert [thread.name for thread in threading.enumerate() if thread.name == "network"] == []
    stocked.behaviour.stalls_at = -1
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def test_a_cancel_before_the_start_fetches_nothing(stocked):
    cancelled = Cancel()
    cancelled.throw()
    assert fetch(stocked, cancelled=cancelled)[0] is None
    assert stocked.bodies == []


def test_too_little_room_is_told_before_the_first_byte(stocked):
    huge = 10**15
    stocked.behaviour.listed = {"model-Q4_K_M.gguf": {"size": huge, "lfs": {"sha256": sha256(TEXT), "size": huge}}}
    error = refused(stocked)
    assert error.sentence.startswith(f"There is not enough room for {NAME}: 1100000.0 GB are needed, and ")
    assert str(store.folder_of(NAME)) in error.sentence
    assert stocked.bodies == []


def test_a_disk_that_is_full_is_told_and_what_came_is_kept(stocked):
    (part,) = _begun(stocked)
    part.unlink()
    part.symlink_to("/dev/full")
    error = refused(stocked)
    assert error.sentence == f"The disk is full. 0 bytes of 1 MB of {NAME} are kept."
    assert "Make room" in error.remedy
    part.unlink()
    assert fetch(stocked)[0].model.read_bytes() == TEXT


def _begun(hub):
    hub.behaviour.cuts = [400_000] + [0] * 9
    refused(hub)
    hub.behaviour.cuts = []
    return store.folder_of(NAME).glob("*.part")


def test_a_folder_that_takes_no_file_is_told(stocked):
    store.models_folder().parent.mkdir(parents=True, exist_ok=True)
    store.models_folder().write_text("a file where a folder belongs")
    error = refused(stocked)
    assert error.sentence == f"Nothing can be written to {store.folder_of(NAME)}."


def test_two_at_once_do_not_mix(stocked):
    stocked.behaviour.pause = 0.03
    first = threading.Thread(target=fetch, args=(stocked,))
    first.start()
    stocked.flowing.wait(10)
    assert refused(stocked).sentence == f"{NAME} is being fetched already."
    first.join()
    assert store.installed()[0].model.read_bytes() == TEXT


@pytest.mark.parametrize("name", ["nobody/nothing", "a b/c", "../x", "nobody/.."])
def test_a_repository_that_is_not_there_is_told(hub, name):
    assert refused(hub, name=name).sentence == f"127.0.0.1 has no model {name}, or it is not public."


def test_a_mistyped_name_is_told_with_the_nearest(hub):
    error = refused(hub, name="smolvlm-265m")
    assert error.sentence == "There is no model called smolvlm-265m."
    assert error.remedy.startswith("Did you mean smolvlm-256m?")


def test_a_file_that_vanished_is_told(stocked):
    stocked.behaviour.refusals = [(404, {})]
    assert refused(stocked).sentence == "The file model-Q4_K_M.gguf is not on 127.0.0.1."


def test_a_hub_that_is_not_there_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ModelError) as caught:
            get(NAME, lambda _: None, Cancel(), Hub(address), HASTY)
    assert caught.value.sentence == "127.0.0.1 cannot be reached."


ODD = ["[]", "{}", '{"siblings": 5}', '{"siblings": [{}]}', '{"siblings": [7]}', "[" * 100_000, '{"siblings"']


@pytest.mark.parametrize("listing", ODD)
def test_an_odd_listing_fetches_nothing(stocked, listing):
    stocked.behaviour.listing = listing.encode()
    assert refused(stocked).cause == "unreadable"


UNKEEPABLE = ["../model-Q8_0.gguf", "deep/../../model-Q8_0.gguf"]


@pytest.mark.parametrize("name", UNKEEPABLE)
def test_a_file_lies_in_the_folder_of_its_model_whatever_its_path(hub, name):
    hub.add(NAME, {name: TEXT, "mmproj-x.gguf": PROJECTOR})
    assert refused(hub).cause in ("no_file", "unreadable")
    hub.add(NAME, {"deep/model-Q8_0.gguf": TEXT, "mmproj-x.gguf": PROJECTOR})
    assert fetch(hub)[0].model == store.folder_of(NAME) / "model-Q8_0.gguf"


@pytest.mark.parametrize("name", [".model-Q8_0.gguf", "con fused-Q8_0.gguf", "m\\odel-Q8_0.gguf", "m\0-Q8_0.gguf"])
def test_a_name_that_no_system_keeps_is_refused(hub, name):
    hub.add(NAME, {name: TEXT, "mmproj-x.gguf": PROJECTOR})
    assert refused(hub).sentence.endswith("run: its files have names that cannot be kept.")


RECORD = {"name": NAME, "engine": "torch", "title": "x", "files": [{"name": "config.json", "size": 2, "sha256": "00"}]}


@pytest.mark.parametrize("name", ["model.json", ".record.json"])
def test_a_repository_cannot_say_itself_that_it_is_here(hub, name):
    files = {"config.json": b"{}", name: json.dumps(RECORD).encode(), "z.safetensors": WEIGHTS}
    hub.add(NAME, files)
    hub.behaviour.cuts = [2, 100_000, 100_000] if name == ".record.json" else [2, len(files[name]), 100_000]
    hub.behaviour.cuts += [0] * 9
    assert refused(hub).cause == "cut"
    assert store.installed() == ()
    hub.behaviour.cuts = []
    assert (fetch(hub)[0].model / "z.safetensors").read_bytes() == WEIGHTS
    assert store.record_of(NAME).title == NAME


@pytest.fixture
def own(tmp_path):
    """A folder of the user's own, taken in under the name of a model of the catalogue, and changed since."""
    folder = tmp_path / "paligemma-3b"
    folder.mkdir()
    (folder / "config.json").write_text('{"my": 1}')
    (folder / "model.safetensors").write_bytes(safetensors(1000))
    assert bring([folder], lambda _: None, Cancel())
    (folder / "config.json").write_text('{"my": "edited by hand, and longer"}')
    return folder


def test_what_was_taken_in_is_not_fetched_over(hub, own):
    hub.add("google/paligemma-3b-mix-224", {"config.json": b"{}", "model.safetensors": WEIGHTS})
    assert store.installed() == ()
    assert refused(hub, name="paligemma-3b").sentence == "There is a model called paligemma-3b already."
    assert hub.asked == []


def test_not_even_without_a_record_are_files_of_the_user_written_into(hub, own):
    (store.folder_of("paligemma-3b") / ".record.json").unlink()
    hub.add("google/paligemma-3b-mix-224", {"config.json": b"{}", "model.safetensors": WEIGHTS})
    found, _ = fetch(hub, "paligemma-3b")
    assert (found.model / "model.safetensors").read_bytes() == WEIGHTS
    assert (own / "config.json").read_text() == '{"my": "edited by hand, and longer"}'
    assert (own / "model.safetensors").read_bytes() == safetensors(1000)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_file_that_is_a_link_is_not_written_into(stocked, tmp_path, link):
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"mine")
    store.folder_of(NAME).mkdir(parents=True)
    link(mine, store.folder_of(NAME) / "model-Q4_K_M.gguf")
    assert fetch(stocked)[0].model.read_bytes() == TEXT
    assert mine.read_bytes() == b"mine"


CUT = [
    {"m-Q8_0.gguf": TEXT[:-9], "mmproj.gguf": PROJECTOR},
    {"m-Q8_0.gguf": b"version https://git-lfs\n", "mmproj.gguf": PROJECTOR},
    {"m-Q8_0.gguf": TEXT, "mmproj.gguf": PROJECTOR[:30]},
    {"config.json": b"{}", "model.safetensors": WEIGHTS[:-1]},
    {"config.json": b"{}", "model.safetensors": WEIGHTS[:5]},
    {"config.json": b"{}", "model.safetensors": b"version https://git-lfs\n"},
    {"config.json": b"{}", "model.safetensors": b"\x02" + bytes(7) + b"[]"},
]


@pytest.mark.parametrize("files", CUT)
def test_what_is_cut_on_the_hub_itself_is_refused(hub, files):
    hub.add(NAME, files)
    assert refused(hub).sentence.endswith(" is not whole.")
    assert store.installed() == ()
    assert store.half_fetched() == ()


def test_so_is_a_model_of_the_catalogue_that_it_names_no_sha256_of(hub):
    files = ("moondream2-text-model-f16.gguf", "moondream2-mmproj-f16.gguf")
    hub.add("ggml-org/moondream2-20250414-GGUF", dict(zip(files, (b"<html>", PROJECTOR), strict=True)))
    assert refused(hub, name="moondream-2").sentence.endswith(" is not whole.")
    assert store.installed() == ()


def test_what_has_begun_is_known_by_its_name(stocked):
    _begun(stocked)
    assert store.half_fetched() == (NAME,)
    assert store.left_over() == ()
    stocked.behaviour.cuts = []
    fetch(stocked)
    assert store.half_fetched() == ()


def test_names_that_look_alike_lie_apart(stocked):
    for name in ("nobody/model:q4_k_m", "nobody/model--q4_k_m", "Nobody/model"):
        stocked.repositories[name.partition(":")[0]] = stocked.repositories[NAME]
        fetch(stocked, name)
    assert len(store.installed()) == 3


def test_what_is_being_fetched_is_not_removed_meanwhile(stocked):
    stocked.behaviour.pause = 0.03
    first = threading.Thread(target=fetch, args=(stocked,))
    first.start()
    stocked.flowing.wait(10)
    with pytest.raises(ModelError) as caught:
        store.forget(NAME)
    assert caught.value.cause == "in_hand"
    first.join()
    assert store.installed()[0].model.read_bytes() == TEXT


def test_errno_of_a_full_quota_counts_as_full():
    from narrator.models.parts import FULL

    assert {errno.ENOSPC, errno.EDQUOT} <= set(FULL)
    assert os.path.exists("/dev/full")  # noqa: PTH110 - what the test of a full disk stands on
    assert Path("/dev/full").is_char_device()
