"""The registry: which plug-in a text on the command line means, and what is said when it means none."""

import subprocess
import sys
from collections import Counter

import pytest

from narrator import registry
from narrator.errors import UsageError
from narrator.seams import Context


def refusal(call, *arguments):
    with pytest.raises(UsageError) as refused:
        call(*arguments)
    return refused.value.sentence, refused.value.remedy


class TestSpecs:
    @pytest.mark.parametrize("kind", registry.KINDS)
    def test_every_plug_in_says_what_it_is(self, kind):
        for name, spec in registry.specs(kind).items():
            assert spec.id == name
            assert spec.title
            assert spec.help.endswith(".")

    def test_settings_are_declared_once_and_under_the_plug_ins_own_kind(self):
        keys = Counter(setting.key for setting in registry.settings())
        assert not [key for key, count in keys.items() if count > 1]
        assert all("." in key for key in keys)

    def test_nothing_heavy_is_imported_on_the_way(self):
        code = (
            "import sys; from narrator import registry\n"
            "for kind in registry.KINDS: registry.specs(kind)\n"
            "heavy = {'numpy', 'cv2', 'onnxruntime', 'rapidocr', 'PySide6', 'mss', 'pyttsx3', 'prism', 'shapely'}\n"
            "print(sorted(heavy & set(sys.modules)))"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout == "[]\n"

    def test_an_unknown_id_names_the_nearest(self):
        assert refusal(registry.spec_of, "backends", "embeded")[1] == "Did you mean embedded?"
        assert refusal(registry.create_voice, "espaek", Context()) == (
            "There is no voice called espaek.",
            "Did you mean espeak?",
        )

    def test_a_hopeless_id_names_them_all(self):
        sentence, remedy = refusal(registry.create_backend, "%%", Context())
        assert sentence == "There is no backend called %%."
        assert remedy == f"Choose one of: {', '.join(registry.specs('backends'))}."

    def test_what_follows_the_colon_is_no_part_of_the_id(self):
        assert registry.spec_of("voices", "wav:/tmp/a:b.wav").id == "wav"


class TestSourceOfAText:
    @pytest.mark.parametrize(
        ("address", "id_"),
        [
            ("camera", "camera"),
            ("camera:0", "camera"),
            ("CAMERA:/dev/video2", "camera"),
            ("screen", "screen"),
            ("screen:10,20,300,400", "screen"),
            ("demo", "demo"),
            ("rtsp://user:secret@host:554/x.mp4", "stream"),
            ("https://host/picture.jpg", "stream"),
            ("udp://127.0.0.1:5000", "stream"),
            ("missing.mp4", "video"),
            ("missing", "video"),
            ("C:\\films\\missing.mp4", "video"),
            ("missing.PNG", "still"),
            ("~nobody-of-that-name/film.mp4", "video"),
            ("x" * 5000, "video"),
            ("a\0b.mp4", "video"),
        ],
        ids=lambda text: text[:40],
    )
    def test_is_found_by_scheme_or_suffix(self, address, id_, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert registry.source_spec(address).id == id_

    def test_an_existing_path_wins_over_a_scheme(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "screen").mkdir()
        (tmp_path / "camera:0").write_bytes(b"")
        assert registry.source_spec("screen").folders
        assert "*" in registry.source_spec("camera:0").suffixes

    def test_a_folder_is_a_slide_show(self, tmp_path):
        assert registry.source_spec(str(tmp_path)).folders

    @pytest.mark.parametrize(
        ("address", "sentence", "remedy"),
        [
            ("camra:0", "There is no source called camra.", "Did you mean camera?"),
            ("scren", "There is no source called scren.", "Did you mean screen?"),
            ("htp://host/x", "There is no source called htp.", "Did you mean http?"),
            ("", "No source was given.", "For example: --source camera:0"),
            ("  ", "No source was given.", "For example: --source camera:0"),
        ],
    )
    def test_a_misspelt_one_is_named(self, address, sentence, remedy, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert refusal(registry.source_spec, address) == (sentence, remedy)

    def test_a_foreign_scheme_names_ours(self):
        sentence, remedy = refusal(registry.source_spec, "gopher://host/film")
        assert sentence == "There is no source called gopher."
        assert remedy.startswith("Choose one of: ")
        assert "rtsp" in remedy


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@host/x?token=1", "rtsp://host/x"),
        ("rtsp://user:sec@ret@host/x", "rtsp://host/x"),
        ("http://host/x?a=user@host", "http://…"),
        ("rtsp://user:sec?ret@host/x", "rtsp://…"),
        ("/home/me/film.mp4?", "/home/me/film.mp4?"),
        ("camera:0", "camera:0"),
        ("http://host/user=admin&password=geheim&channel=1/x.mp4", "http://host/…"),
        ("http://host:8080/Password%3Dgeheim", "http://host:8080/…"),
        ("rtsp:/user:geheim@127.0.0.1/x", "rtsp://127.0.0.1/x"),
        ("rtsp:user:geheim@127.0.0.1/x", "rtsp://127.0.0.1/x"),
        ("rtsp:\\\\user:geheim@127.0.0.1", "rtsp://127.0.0.1"),
        ("RTSP:///user:geheim@127.0.0.1/x", "RTSP://127.0.0.1/x"),
        ("rtps:/user:geheim@127.0.0.1/x", "rtps://127.0.0.1/x"),
        ("http://host/user=a@geheim/x", "http://…"),
        ("http://user:geheim/x", "http://…"),
        ("rtsp://[::1:geheim/x", "rtsp://…"),
        ("rtsp://[fe80::1%eth0]:554/x", "rtsp://[fe80::1%eth0]:554/x"),
        ("rtsp:/host/x", "rtsp:/host/x"),
        ("udp://@:5004", "udp://@:5004"),
        ("camera:/dev/v4l/by-id/usb-User_Facing", "camera:/dev/v4l/by-id/usb-User_Facing"),
        ("caf\udce9.avi", "caf?.avi"),
        ("rtsp:", "rtsp:"),
        ("://", "://"),
        (":", ":"),
    ],
    ids=ascii,
)
def test_secrets_of_an_address_are_not_shown(address, shown):
    assert registry.without_secrets(address) == shown


def test_a_backend_tells_what_its_settings_may_be_and_which_have_no_effect():
    offers = dict(registry.offers("gemini", "gemini.model"))
    assert offers[""].startswith("Recommended: ")
    assert all("$" in title and "per million tokens" in title for title in offers.values())
    assert registry.offers("gemini", "gemini.project") == registry.offers("embedded", "gemini.model") == []
    assert "gemini.temperature" in registry.ignored("gemini", {"gemini.model": ""})
    assert registry.ignored("gemini", {"gemini.model": "gemini-3.8-flash"}) == {}


def test_what_the_service_listed_counts_more_than_the_catalogue():
    everything = dict(registry.offers("gemini", "gemini.model"))
    listed = dict(registry.offers("gemini", "gemini.model", ("gemini-3.8-flash", "gemini-9-new")))
    assert "gemini-3.5-flash" in everything
    assert list(listed) == ["", "gemini-3.8-flash", "gemini-9-new"]
    assert "not known" in listed["gemini-9-new"]
