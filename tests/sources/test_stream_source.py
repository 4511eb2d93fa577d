import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from fakes.capturing import StartCapture
from fakes.clips import H264, number_in, write_numbered_clip
from fakes.streams import HttpServer, RtspServer, free_port
from fakes.waiting import eventually

from narrator.errors import SourceError, SourceLost, SourceRefused
from narrator.registry import create_source
from narrator.seams import Context
from narrator.sources._probe_stream import why_no_stream


def problem(url: str, context: Context) -> SourceError:
    source = create_source(url, context)
    with pytest.raises(SourceError) as caught:
        source.open()
    return caught.value


@pytest.fixture
def film(http_server: HttpServer, long_clip: Path) -> Path:
    """A film in the folder of the HTTP server whose index comes first, as on the web."""
    path = http_server.folder / "film.mp4"
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-t", "2", "-i", long_clip, "-c", "copy", "-movflags", "+faststart", path],
        check=True,
    )
    return path


def test_rtsp_survives_a_stall_and_a_death(captured: StartCapture, rtsp_server: RtspServer) -> None:
    playing = captured(rtsp_server.url())
    assert playing.has(10)
    rtsp_server.freeze()
    assert playing.tells("The stream stopped. Trying again.", 6)
    rtsp_server.thaw()
    assert playing.goes_on(5), "pictures come within 5 s of the server's return"
    assert playing.tells("The stream is back.", 4)
    rtsp_server.kill()
    time.sleep(1)  # a power cut
    rtsp_server.start()
    assert playing.goes_on(5), "pictures come within 5 s of the server's return"
    assert eventually(lambda: len(playing.told) >= 4, 4)
    assert playing.told == ["The stream stopped. Trying again.", "The stream is back."] * 2
    epochs = [frame.epoch for frame in playing.frames.all]
    assert sorted(set(epochs)) == list(range(1, max(epochs) + 1))
    assert epochs == sorted(epochs)


def test_rtsp_gives_the_newest_frame_in_step_with_the_clock(captured: StartCapture, rtsp_server: RtspServer) -> None:
    playing = captured(rtsp_server.url())
    assert playing.has(30)
    first, last = playing.frames.all[9], playing.frames.all[-1]
    sent = (number_in(last.pixels) - number_in(first.pixels)) / 25
    assert last.captured_at - first.captured_at == pytest.approx(sent, abs=0.2)
    assert last.media_t - first.media_t == pytest.approx(last.captured_at - first.captured_at, abs=0.05)


def test_it_closes_in_time_while_the_server_is_silent(captured: StartCapture, rtsp_server: RtspServer) -> None:
    playing = captured(rtsp_server.url())
    assert playing.has(5)
    rtsp_server.freeze()
    time.sleep(0.3)  # let the read begin
    began = time.monotonic()
    left = playing.capture.close()
    assert time.monotonic() - began < 2
    rtsp_server.kill()
    if left is not None:
        left.join(8)
        assert not left.is_alive()


def test_a_refused_connection_may_be_tried_again(context: Context) -> None:
    for scheme in ("rtsp", "http"):
        error = problem(f"{scheme}://127.0.0.1:{free_port()}/clip", context)
        assert isinstance(error, SourceLost)
        assert error.sentence == "The stream's server refuses the connection."


def test_a_silent_server_is_told_in_time(context: Context, silent_port: int) -> None:
    began = time.monotonic()
    error = problem(f"rtsp://127.0.0.1:{silent_port}/clip", context)
    assert time.monotonic() - began < 9
    assert isinstance(error, SourceLost)
    assert error.sentence == "The stream's server does not answer."


def test_a_file_opens_at_once_while_a_silent_server_is_waited_for(short_clip: Path, context: Context) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rtsp://127.0.0.1:{server.getsockname()[1]}/clip"
        waiting = threading.Thread(target=problem, args=(url, context))
        waiting.start()
        with server.accept()[0] as talk:
            assert talk.recv(1)
            film = create_source(str(short_clip), context)
            began = time.monotonic()
            film.open()
            assert film.read() is not None
            assert time.monotonic() - began < 1.5
            assert waiting.is_alive()
            film.close()
            server.close()
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_wrong_path_is_final(context: Context, rtsp_server: RtspServer, http_server: HttpServer) -> None:
    for url in (rtsp_server.url("other"), http_server.url("nothing.mp4")):
        error = problem(url, context)
        assert isinstance(error, SourceRefused)
        assert error.sentence == "The stream's server has no stream at this address."


def test_a_locked_stream_opens_with_the_right_password_only(
    context: Context, locked_rtsp_server: RtspServer, captured: StartCapture
) -> None:
    locked = locked_rtsp_server
    assert problem(locked.url(), context).sentence == "The stream's server wants a name and a password."
    wrong = problem(locked.url(user="user:hunter2@"), context)
    assert wrong.sentence == "The stream's server did not accept the name or the password."
    assert "hunter2" not in f"{wrong.sentence} {wrong.remedy} {wrong.detail}"
    lost = problem(locked.url("other", user="user:secret@"), context)
    assert lost.sentence == "The stream's server has no stream at this address."
    assert captured(locked.url(user="user:secret@")).has(3)


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("page", SourceRefused, "leads to a web page"),
        ("moved", SourceRefused, "leads to a web page"),
        ("locked", SourceRefused, "wants a name and a password"),
        ("broken", SourceLost, "is in trouble, code 503"),
    ],
)
def test_what_an_http_server_says_is_told(
    path: str, kind: type[SourceError], words: str, http_server: HttpServer, context: Context
) -> None:
    error = problem(http_server.url(path), context)
    assert type(error) is kind
    assert words in error.sentence
    assert error.remedy


def test_an_unknown_host_and_a_bad_address_are_told(context: Context) -> None:
    assert isinstance(problem("rtsp://camera.invalid/x", context), SourceLost)
    assert isinstance(problem("rtsp://127.0.0.1:port/x", context), SourceRefused)
    assert isinstance(problem("rtsp:///x", context), SourceRefused)
    assert isinstance(problem("rtsp://127.0.0.1/caf\udce9", context), SourceRefused)


def test_mjpeg_over_http_is_live(captured: StartCapture, http_server: HttpServer) -> None:
    playing = captured(http_server.url("live.mjpg"))
    assert playing.has(30)
    newest = playing.frames.all[-1]
    assert newest.pixels.shape == (180, 320, 3)
    shown = [number_in(frame.pixels) for frame in playing.frames.all[-10:]]
    assert shown == list(range(shown[0], shown[0] + 10))


def test_a_film_over_http_is_paced_like_a_file(captured: StartCapture, http_server: HttpServer, film: Path) -> None:
    playing = captured(http_server.url("film.mp4"))
    assert playing.capture.ended.wait(10)
    first, last = playing.frames.all[0], playing.frames.all[-1]
    assert last.media_t == pytest.approx(2, abs=0.1)
    assert (last.media_t - first.media_t) / (last.captured_at - first.captured_at) == pytest.approx(1, abs=0.03)
    assert playing.told == []


def test_a_film_that_the_server_cuts_short_ends_with_a_notice(
    captured: StartCapture, http_server: HttpServer, film: Path
) -> None:
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 4])
    playing = captured(http_server.url("film.mp4"))
    assert playing.capture.ended.wait(10)
    assert playing.frames.all
    assert playing.told[-1] == "The video ended early: the server gives no more of it."


def test_a_film_over_http_of_which_no_picture_can_be_shown_is_refused(
    captured: StartCapture, http_server: HttpServer, film: Path
) -> None:
    content = film.read_bytes()
    at = content.index(b"mdat") + 4
    film.write_bytes(content[:at] + bytes(len(content) - at))
    playing = captured(http_server.url("film.mp4"))
    assert playing.capture.ended.wait(10)
    assert not playing.frames.all
    assert isinstance(playing.capture.failure, SourceRefused)
    assert playing.capture.failure.sentence == "No picture of this video can be shown."


def test_nothing_on_a_udp_port_is_told() -> None:
    error = why_no_stream(f"udp://127.0.0.1:{free_port()}")
    assert isinstance(error, SourceLost)
    assert error.sentence == "Nothing arrives from the stream."


def test_a_server_without_a_secure_connection_is_told(http_server: HttpServer) -> None:
    error = why_no_stream(http_server.url("live.mjpg").replace("http", "https"))
    assert isinstance(error, SourceRefused)
    assert error.remedy == "Check the address; try http instead of https."


def test_a_stream_sent_to_a_udp_port_is_shown_from_its_next_key_frame_on(
    captured: StartCapture, tmp_path: Path
) -> None:
    rare = (*H264, "-g", "50", "-keyint_min", "50", "-sc_threshold", "0")
    clip = write_numbered_clip(tmp_path / "rare.mp4", 200, rate=25, size=(160, 90), options=rare)
    port = free_port()
    send = ["ffmpeg", "-loglevel", "quiet", "-re", "-i", str(clip), "-c", "copy", "-f", "mpegts"]
    sender = subprocess.Popen([*send, f"udp://127.0.0.1:{port}?pkt_size=1316"])
    try:
        time.sleep(0.5)  # the first key frame is gone
        playing = captured(f"udp://127.0.0.1:{port}")
        assert playing.has(10, 15)
        assert number_in(playing.frames.all[0].pixels) in (50, 51)
        assert playing.told == []
    finally:
        sender.kill()
        sender.wait(5)


def test_the_first_picture_of_rtsp_is_not_lost(captured: StartCapture, rtsp_server: RtspServer) -> None:
    playing = captured(rtsp_server.url())
    assert playing.has(1)
    assert number_in(playing.frames.all[0].pixels) == 0
