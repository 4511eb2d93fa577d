import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFileDialog, QLabel, QLineEdit, QSpinBox

from narrator.seams import Setting
from narrator_ui.settings_form import PathButton, SettingsForm, setting_name

MODELS = [("lite", "Lite, $0.30"), ("full", "Full, $1.50")]
SETTINGS = (
    Setting("gemini.model", "lite", "Which model describes."),
    Setting("gemini.vertex", False, "Use Vertex AI."),
    Setting("gemini.base_url", "", "Another address of the service."),
    Setting("gemini.max_tokens", 256, "Most tokens of an answer.", 16, 8192, unit="tokens"),
    Setting("gemini.temperature", -1.0, "How freely it words.", -1, 2),
    Setting("gemini.thinking", "lowest", "How much it thinks.", choices=("lowest", "high")),
)
VALUES = {setting.key: setting.default for setting in SETTINGS} | {"gemini.temperature": 0.12345}


@pytest.fixture
def form(qtbot) -> SettingsForm:
    form = SettingsForm(SETTINGS, VALUES, lambda key: MODELS if key == "gemini.model" else ())
    qtbot.addWidget(form)
    form.show()
    return form


def test_each_type_has_its_field_with_a_name_and_its_help(form):
    kinds = [QComboBox, QCheckBox, QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox]
    for setting, kind in zip(SETTINGS, kinds, strict=True):
        field = form.field(setting.key)
        assert isinstance(field, kind)
        assert field.accessibleName() == setting_name(setting.key)
        assert field.accessibleDescription() == setting.help
    shown = [label.text() for label in form.findChildren(QLabel)]
    assert all(setting.help in shown for setting in SETTINGS)


def test_nothing_is_changed_until_somebody_changes_it(form):
    assert form.changes() == {}, "a number with more digits than are shown is not cut off"


def test_what_is_typed_is_what_changed(form, qtbot):
    number = form.field("gemini.max_tokens")
    number.selectAll()
    qtbot.keyClicks(number, "512")
    qtbot.keyClick(form.field("gemini.vertex"), Qt.Key.Key_Space)
    qtbot.keyClicks(form.field("gemini.base_url"), " http://localhost:8080 ")
    qtbot.keyClick(form.field("gemini.thinking"), Qt.Key.Key_Down)
    assert form.changes() == {
        "gemini.max_tokens": 512,
        "gemini.vertex": True,
        "gemini.base_url": "http://localhost:8080",
        "gemini.thinking": "high",
    }


def test_a_model_is_chosen_by_its_title_or_typed(form, qtbot):
    model = form.field("gemini.model")
    assert model.currentText() == "Lite, $0.30"
    qtbot.keyClick(model, Qt.Key.Key_Down)
    assert form.value("gemini.model") == "full"
    model.lineEdit().selectAll()
    qtbot.keyClicks(model.lineEdit(), "brand-new")
    assert form.changes() == {"gemini.model": "brand-new"}
    model.lineEdit().clear()
    assert form.changes() == {"gemini.model": ""}


def test_a_value_outside_the_offers_is_shown_as_it_is(qtbot):
    form = SettingsForm(SETTINGS[:1], {"gemini.model": "other"}, lambda _: MODELS)
    qtbot.addWidget(form)
    assert form.value("gemini.model") == "other"
    assert form.changes() == {}


def test_what_has_no_effect_is_greyed_with_the_reason(form):
    form.show_ignored({"gemini.temperature": "Lite ignores it."})
    assert not form.field("gemini.temperature").isEnabled()
    assert "Lite ignores it." in [label.text() for label in form.findChildren(QLabel) if label.isVisible()]
    form.show_ignored({})
    assert form.field("gemini.temperature").isEnabled()


@pytest.mark.parametrize("offers", [(), [("", "The best")]])
@pytest.mark.parametrize(("path_to", "mode"), [("file", "ExistingFile"), ("folder", "Directory")])
def test_a_path_is_browsed_for(qtbot, offers, path_to, mode, tmp_path):
    form = SettingsForm((Setting("x.model", "", "Help.", path_to=path_to),), {"x.model": ""}, lambda _: offers)
    qtbot.addWidget(form)
    form.show()
    button = form.findChild(PathButton)
    assert button.accessibleName() == "Browse for Model"
    qtbot.keyClick(button, Qt.Key.Key_Space)
    dialog = form.findChild(QFileDialog)
    assert dialog.fileMode() == getattr(QFileDialog.FileMode, mode)
    dialog.close()
    button.take(str(tmp_path))
    assert form.changes() == {"x.model": str(tmp_path)}


def test_what_is_no_path_is_not_browsed_for(form):
    assert form.findChild(PathButton) is None


def test_numbers_are_shown_without_needless_zeros(qtbot):
    form = SettingsForm((Setting("x.y", 0.3, "Help."),), {"x.y": 0.3})
    qtbot.addWidget(form)
    assert form.field("x.y").text() in ("0.3", "0,3")


@pytest.mark.parametrize(
    ("key", "name"),
    [("gemini.base_url", "Base URL"), ("gemini.model", "Model"), ("loop", "Loop"), ("a.top_p", "Top p")],
)
def test_names_come_from_the_keys(key, name):
    assert setting_name(key) == name
