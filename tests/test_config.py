"""edgekit.toml: found from the working directory upward, edited without losing a comment, and precise about what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.config import load, parse
from edgekit.config.address import kind_of
from edgekit.config.edit import add_device, remove_device, set_options
from edgekit.core.errors import EdgekitError, SetupError, UsageError

FILE = Path("edgekit.toml")
TEXT = """# our lab
runs = "./results"

[devices.pi]   # on the desk
address = "ssh://pi@raspberrypi.local"
options = { threads = 4, fan = true }

[meters.desk]
kind = "replay"
address = "traces"
"""


def test_a_folder_without_a_file_knows_the_defaults(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert (config.path, config.runs, dict(config.devices)) == (None, tmp_path / "runs", {})


def test_the_file_of_a_folder_above_is_found_and_runs_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text(TEXT)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    config = load(below)
    assert config.path == tmp_path / "edgekit.toml"
    assert config.runs == tmp_path / "results"
    assert config.devices["pi"].kind == "ssh"
    assert config.devices["pi"].options == {"threads": "4", "fan": "true"}
    assert config.meters["desk"].address == "traces"


@pytest.mark.parametrize(
    ("text", "line", "key", "hint"),
    [
        ('rnus = "./x"', 1, "rnus", "did you mean runs?"),
        ('runs = "a"\n[device.pi]\naddress = "local:"', 2, "device", "did you mean devices?"),
        ('[devices.pi]\nadress = "local:"', 2, "devices.pi.adress", "did you mean address?"),
        ('[devices.one]\nkind = "local"\n[devices.two]\naddress = 7', 4, "devices.two.address", "text in quotes"),
        ('[devices.pi]\noptions = { threads = "2" }', 1, "devices.pi", "neither a kind nor an address"),
        ('[meters.desk]\naddress = "x"', 1, "meters.desk", "no kind"),
        ('[devices.pi]\nkind = "local"\noptions = 3', 3, "devices.pi.options", "table of single values"),
        ('[devices.pi]\nkind = "ssh"\naddress = "ssh://-oProxyCommand=x@host"', 3, "devices.pi.address", "not an ssh address"),
        ('[devices."../up"]\nkind = "local"', 1, "devices.../up", "cannot be the name"),
        ('runs = "x"\ndevices = 3', 2, "devices", "write [devices.NAME]"),
        ('devices = { pi = { adress = "x" } }', 1, "devices.pi.adress", "did you mean address?"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(text: str, line: int, key: str, hint: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse(text, FILE)
    assert f"edgekit.toml, line {line}: {key} is wrong" in caught.value.what
    assert hint in f"{caught.value.why} {caught.value.do}"
    assert caught.value.exit_code == 6


def test_floors_of_a_project_are_decibels_by_recipe() -> None:
    assert parse("[convert.floors]\nint8 = 18\nw4 = 7.5\n", FILE).floors == {"int8": 18.0, "w4": 7.5}


@pytest.mark.parametrize("floor", ["'high'", "true", "[1]", "nan", "1e9"])
def test_a_floor_that_is_no_number_of_decibels_is_named(floor: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse(f"[convert.floors]\nint8 = {floor}\n", FILE)
    assert "convert.floors.int8" in str(caught.value)
    assert "line 2" in str(caught.value)


def test_a_syntax_error_names_file_and_line() -> None:
    with pytest.raises(SetupError, match=r"edgekit\.toml is not TOML.*line 2"):
        parse('runs = "x"\n[devices\n', FILE)


def test_a_configuration_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").mkdir()
    with pytest.raises(UsageError, match="folder"):
        load(tmp_path)


def test_adding_a_device_creates_the_file(tmp_path: Path) -> None:
    file, device = add_device("pi", "ssh://pi@raspberrypi.local", options={}, start=tmp_path)
    assert file == tmp_path / "edgekit.toml"
    assert file.read_text() == '[devices.pi]\nkind = "pi"\naddress = "ssh://pi@raspberrypi.local"\n'
    assert load(tmp_path).devices["pi"] == device


def test_adding_a_device_keeps_comments_order_and_everything_else(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text(TEXT)
    add_device("orin", "ssh://lab@orin:2222", options={"threads": "6"}, start=tmp_path)
    text = (tmp_path / "edgekit.toml").read_text()
    for line in TEXT.splitlines():
        assert line in text
    config = load(tmp_path)
    assert list(config.devices) == ["pi", "orin"]
    assert config.devices["orin"].options == {"threads": "6"}


def test_a_taken_name_is_refused_and_the_file_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "edgekit.toml").write_text(TEXT)
    with pytest.raises(UsageError) as caught:
        add_device("pi", "local:", options={}, start=tmp_path)
    assert caught.value.code == "device.exists"
    assert caught.value.do[0][1] == "edgekit devices add pi local: --force"
    assert (tmp_path / "edgekit.toml").read_text() == TEXT
    add_device("pi", "local:", options={}, start=tmp_path, force=True)
    assert load(tmp_path).devices["pi"].kind == "local"
    assert "# our lab" in (tmp_path / "edgekit.toml").read_text()


@pytest.mark.parametrize(
    ("name", "address", "kind"),
    [
        ("pi", "ssh://lab@10.0.0.7", "pi"),
        ("kitchen", "ssh://pi@raspberrypi.local", "pi"),
        ("desk", "ssh://me@rpi-4", "pi"),
        ("pi4-lab", "ssh://me@host", "pi"),
        ("orin", "ssh://lab@10.0.0.8", "jetson"),
        ("nano", "ssh://me@my-jetson", "jetson"),
        ("pi", "ssh://pi@jetson", "jetson"),
        ("spin", "ssh://me@pipeline", "ssh"),
        ("lab", "ssh://pi@host", "ssh"),
        ("pi", "local:", "local"),
    ],
)
def test_what_a_machine_is_is_guessed_from_its_names_and_can_be_stated(tmp_path: Path, name: str, address: str, kind: str) -> None:
    assert add_device(name, address, options={}, start=tmp_path)[1].kind == kind
    if address.startswith("ssh:"):
        assert add_device(name, address, options={}, start=tmp_path, kind="ssh", force=True)[1].kind == "ssh"
    else:
        with pytest.raises(UsageError, match="not of kind 'ssh'"):
            add_device(name, address, options={}, start=tmp_path, kind="ssh", force=True)


def test_options_are_replaced_and_devices_removed_with_everything_else_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "edgekit.toml"
    other = '# not ours\n[devices.orin]\naddress = "ssh://orin"  # old one\n\n[devices.orin.options]\nthreads = "6"  # of 8\n'
    file.write_text(TEXT + "\n" + other)
    set_options("orin", {"venv": "/opt/e"}, start=tmp_path)
    assert load(tmp_path).devices["orin"].options == {"venv": "/opt/e"}
    assert "# old one" in file.read_text()
    set_options("orin", {}, start=tmp_path)
    assert load(tmp_path).devices["orin"].options == {}
    remove_device("orin", start=tmp_path)
    assert list(load(tmp_path).devices) == ["pi"]
    assert all(line in file.read_text() for line in TEXT.splitlines())
    with pytest.raises(UsageError, match="no device is called 'orin'"):
        remove_device("orin", start=tmp_path)
    with pytest.raises(UsageError, match="built in"):
        remove_device("sim", start=tmp_path)


@pytest.mark.parametrize("key", ['services = "cron"', "services = [1]", "meter = 5"])
def test_services_are_a_list_of_texts_and_a_meter_is_a_text(key: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse(f'[devices.pi]\naddress = "ssh://pi"\n{key}', FILE)
    assert "line 3" in caught.value.what
    spec = parse('[devices.pi]\naddress = "ssh://pi"\nmeter = "um25c"\nservices = ["cron", "ssh.socket"]', FILE).devices["pi"]
    assert (spec.meter, spec.services) == ("um25c", ("cron", "ssh.socket"))


def test_a_linked_configuration_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text(TEXT)
    (tmp_path / "edgekit.toml").symlink_to(real)
    add_device("orin", "ssh://orin", options={}, start=tmp_path)
    assert (tmp_path / "edgekit.toml").is_symlink()
    assert "orin" in real.read_text()


@pytest.mark.parametrize("name", ["", "a b", "-pi", "local", "../pi", "ü", "x" * 65])
def test_a_name_that_cannot_be_typed_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"device|built in"):
        add_device(name, "local:", options={}, start=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("ssh://pi@raspberrypi.local", "ssh"),
        ("ssh://10.0.0.7:2222", "ssh"),
        ("ssh://pi@[fe80::1]:22", "ssh"),
        ("local:", "local"),
        ("cuda:1", "cuda"),
        ("sim:", "sim"),
    ],
)
def test_an_address_says_its_kind(address: str, kind: str) -> None:
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    "address",
    [
        "pi",
        "pi@host",
        "sshh://pi@host",
        "ssh://",
        "ssh://pi@",
        "ssh://pi:secret@host",
        "ssh://host/etc",
        "ssh://-oProxyCommand=x",
        "ssh://h:99999",
        "cuda:first",
        "http://host",
        "ssh://a b",
        "ssh://host?x",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        kind_of(address)
    assert caught.value.code == "device.address"


def outcome(act: Callable[..., object], *args: object) -> str:
    """Return the code of the error, "done" without one."""
    try:
        act(*args)
    except EdgekitError as error:
        return error.code
    return "done"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    assert outcome(kind_of, text) in ("done", "device.address")


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_a_setup_error(text: str) -> None:
    assert outcome(parse, text, FILE) in ("done", "config.syntax", "config.invalid")


def test_the_data_folder_comes_from_the_environment_then_the_file_then_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "edgekit.toml").write_text('data = "./known"\n')
    monkeypatch.delenv("EDGEKIT_DATA", raising=False)
    assert load(tmp_path).data == tmp_path / "known"
    monkeypatch.setenv("EDGEKIT_DATA", str(tmp_path / "elsewhere"))
    assert load(tmp_path).data == tmp_path / "elsewhere"
    monkeypatch.delenv("EDGEKIT_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "edgekit.toml").unlink()
    assert load(tmp_path).data.name == "edgekit"
