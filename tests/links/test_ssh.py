"""One connection of the system's ssh: words arrive as they are, noise is left out, and each way of not getting in has its own error."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from edgekit.core.errors import HardwareError, SetupError, UsageError
from edgekit.links.ssh import SshLink
from edgekit.links.ssh_address import SshAddress, ssh_address
from edgekit.links.ssh_errors import explain
from tests.loopback import Loopback, free_port, loopback
from tests.processes import wait_until
from tests.relay import relay

ODD = ["a b", "it's", '"', "$HOME", "`id`", "*", "\\", "a\nb", "", "-n", ";false", "ümlaut", "!x"]


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback(login="printf 'Welcome!\\n{\"id\": 1}\\nno end of line'; echo complaint >&2") as server:
        yield server


@contextlib.contextmanager
def link(server: Loopback, address: str | None = None, **more) -> Iterator[SshLink]:
    found = SshLink(ssh_address(address or server.address), config=str(server.config), **more)
    with contextlib.closing(found):
        found.open()
        yield found


def test_every_word_arrives_as_it_is_and_what_login_scripts_say_does_not(there):
    show = "import sys; sys.stdout.write(repr(sys.argv[1:]))"
    with link(there) as found:
        assert found.run(["python3", "-c", show, *ODD]).stdout == repr(ODD)
        process = found.spawn(["sh", "-c", 'printf "%s\\n" "$X" "$@"; cat; exit 3', "sh", "a b"], env={"X": "y z"})
        process.write_line("hello")
        assert [process.read_line(10) for _ in range(3)] == ["y z", "a b", "hello"]
        process.close()
        assert process.returncode == 3
        assert "complaint" in process.complaints()


def test_a_signal_there_is_told_from_a_lost_connection(there):
    with link(there) as found:
        process = found.spawn(["sh", "-c", "kill -9 $$"])
        assert process.read_line(10) is None
        assert process.returncode == -signal.SIGKILL
        assert found.run(["sh", "-c", "exit 7"]).exit_code == 7


@pytest.mark.parametrize("how", ["too late", "killed"])
def test_a_command_that_nobody_waits_for_any_more_ends_there_with_its_children(there, how):
    program = f"""
from edgekit.links.ssh import SshLink
from edgekit.links.ssh_address import ssh_address
link = SshLink(ssh_address({there.address!r}), config={str(there.config)!r})
link.open()
link.run(["sh", "-c", "sleep 611; true"])
"""
    sleeping = lambda: subprocess.run(["pgrep", "-f", "^sleep 61[01]$"], capture_output=True, check=False).returncode == 0  # noqa: E731
    if how == "killed":
        child = subprocess.Popen([sys.executable, "-c", program])
        wait_until(sleeping, "the command")
        child.kill()
        child.wait()
    else:
        with link(there) as found:
            with pytest.raises(TimeoutError):
                found.run(["sh", "-c", "sleep 610; true"], timeout_s=2.0)
            wait_until(lambda: not sleeping(), "the end of the command, with the connection still there", seconds=10)
            assert found.run(["echo", "on"]).stdout == "on\n"
    wait_until(lambda: not sleeping(), "the end of the command", seconds=10)


def test_there_is_one_connection_and_nothing_is_left_of_it(there):
    with link(there) as found:
        processes = [found.spawn(["cat"]) for _ in range(4)]
        for process in processes:
            process.write_line("x")
            assert process.read_line(10) == "x"
        connected = [line for line in there.sessions().values() if line.startswith("sshd")]
        assert len([line for line in connected if "@notty" in line]) == 1, connected
        for process in processes:
            process.close()
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)


def test_what_runs_there_ends_with_this_program_even_when_it_is_killed(there, tmp_path):
    program = f"""
import sys
from edgekit.links.ssh import SshLink
from edgekit.links.ssh_address import ssh_address
link = SshLink(ssh_address({there.address!r}), config={str(there.config)!r})
link.open()
process = link.spawn(["cat"])
process.write_line("up")
print(process.read_line(10), flush=True)
sys.stdin.read()
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    assert there.sessions()
    child.kill()
    child.communicate()
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)


@pytest.mark.parametrize("told_by", ["address", "configuration"])
def test_a_machine_behind_another_one_is_reached_through_it(there, told_by):
    gate = f"{there.address.removeprefix('ssh://').partition('@')[0]}@127.0.0.1:{there.port}"
    config = there.folder / "jumping"
    config.write_text(f"Host far\n HostName localhost\n Port {there.port}\n ProxyJump {gate}\n{there.config.read_text()}")
    address = f"{there.address}?jump={gate}" if told_by == "address" else "ssh://far"
    found = SshLink(ssh_address(address), config=str(config))
    with contextlib.closing(found):
        found.open()
        assert found.run(["echo", "far"]).stdout == "far\n"
        logins = [line for line in there.sessions().values() if line.startswith("sshd") and "[" not in line]
        assert len(logins) >= 2, "one login on the way, one at the end"


def test_nothing_listens(there):
    with pytest.raises(HardwareError) as caught, link(there, f"ssh://localhost:{free_port()}"):
        pass
    assert caught.value.code == "ssh.refused"
    assert "Connection refused" in caught.value.why


def test_a_key_that_is_not_known_there(there, tmp_path):
    config = tmp_path / "config"
    other = tmp_path / "other key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    config.write_text(there.config.read_text().replace(str(there.folder / "user_key"), str(other)))
    with pytest.raises(HardwareError) as caught:
        SshLink(ssh_address(there.address), config=str(config)).open()
    assert caught.value.code == "ssh.denied"
    copy = next(command for _, command in caught.value.do if command.startswith("ssh-copy-id "))
    assert copy.startswith(f"ssh-copy-id -F {shlex.quote(str(config))} ")
    assert " -l " not in copy


@pytest.mark.parametrize(("known", "code"), [("", "ssh.host_key_unknown"), ("other", "ssh.host_key_changed")])
def test_a_host_key_is_never_taken_on_trust(there, tmp_path, known, code):
    hosts = tmp_path / "hosts"
    if known:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True)
        hosts.write_text(f"[localhost]:{there.port} {(tmp_path / 'k.pub').read_text()}")
    else:
        hosts.touch()
    config = tmp_path / "config"
    config.write_text(
        f"StrictHostKeyChecking accept-new\n{there.config.read_text()}".replace(str(there.folder / "known_hosts"), str(hosts))
    )
    with pytest.raises(HardwareError) as caught:
        SshLink(ssh_address(there.address), config=str(config)).open()
    assert caught.value.code == code
    assert caught.value.do
    if not known:
        with contextlib.closing(SshLink(ssh_address(there.address), config=str(config), strict=False)) as lenient:
            lenient.open()  # the user's configuration said so
        assert "localhost" in hosts.read_text()


def test_a_login_that_never_ends_is_not_waited_for():
    with loopback(login="sleep 30") as slow, pytest.raises(HardwareError) as caught, link(slow, login_s=0.5):
        pass
    assert caught.value.code == "ssh.login"


def test_a_cut_connection_is_an_error_that_names_the_machine(there):
    with relay(there.port) as between:
        config = there.folder / "relayed"
        config.write_text(there.config.read_text() + " HostKeyAlias here\n StrictHostKeyChecking no\n")
        found = SshLink(ssh_address(f"ssh://localhost:{between.port}"), config=str(config), strict=False)
        with contextlib.closing(found):
            found.open()
            process = found.spawn(["cat"])
            process.write_line("x")
            assert process.read_line(10) == "x"
            between.cut()
            with pytest.raises(HardwareError) as caught:
                process.read_line(10)
            assert caught.value.code == "ssh.lost"
            with pytest.raises(HardwareError) as again:
                found.run(["true"])
            assert again.value.code == "ssh.lost", "no second connection in silence"
    wait_until(lambda: not there.sessions(), "the end of every process there", seconds=10)


def test_more_sessions_than_the_server_takes():
    with loopback(extra="MaxSessions 2") as small, link(small) as found:
        first = found.spawn(["cat"])
        first.write_line("x")
        assert first.read_line(10) == "x"
        with pytest.raises(HardwareError) as caught:
            found.run(["true"])
        assert caught.value.code == "ssh.sessions"
        first.close()


def test_without_ssh_there_is_a_setup_error():
    with pytest.raises(SetupError) as caught:
        SshLink(SshAddress(host="h"), program="no-such-ssh").open()
    assert caught.value.code == "ssh.missing"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ssh://pi@raspberrypi.local", ("-l", "pi", "--", "raspberrypi.local")),
        ("ssh://lab", ("--", "lab")),
        ("ssh://pi@[fe80::1]:22", ("-p", "22", "-l", "pi", "--", "fe80::1")),
        ("ssh://pi@h?jump=me@gate:2222,other", ("-l", "pi", "-J", "me@gate:2222,other", "--", "h")),
    ],
)
def test_an_address_becomes_arguments(text, words):
    assert ssh_address(text).words == words


@pytest.mark.parametrize(
    "text",
    [
        "ssh://pi@h?jump=-oProxyCommand=x",
        "ssh://pi@h?jump=a%20b",
        "ssh://pi@h?jump=$(x)",
        "ssh://pi@h?jump=a&jump=b",
        "ssh://pi@h?x=y",
        "ssh://pi@h#x",
        "ssh://pi:pw@h",
        "http://h",
    ],
)
def test_what_could_be_an_option_or_a_command_is_no_address(text):
    with pytest.raises(UsageError):
        ssh_address(text)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("ssh: Could not resolve hostname pi: Name or service not known", "ssh.unreachable"),
        ("ssh: connect to host pi port 22: No route to host", "ssh.unreachable"),
        ("Connection timed out during banner exchange", "ssh.unreachable"),
        ("config: line 1: Bad configuration option: x", "ssh.config"),
        ("something else", "ssh.failed"),
        ("", "ssh.failed"),
    ],
)
def test_what_ssh_says_is_understood(said, code):
    error = explain(SshAddress(host="pi"), said)
    assert (error.code, bool(error.why), bool(error.do)) == (code, True, True)


def test_the_command_that_copies_a_key_has_only_options_that_ssh_copy_id_knows():
    address = ssh_address("ssh://pi@h:2222?jump=me@gate")
    assert address.copy_key(config="c d") == "ssh-copy-id -F 'c d' -p 2222 -o ProxyJump=me@gate pi@h"
    assert ("let this key in (asks for the password once):", "ssh-copy-id pi@h") in explain(
        ssh_address("ssh://pi@h"), "Permission denied"
    ).do


@pytest.mark.parametrize(
    ("said", "command"),
    [
        ('  ssh-keygen -f "/srv/me/a b/known" -R "[h]:2222"\r\nChanged', 'ssh-keygen -f "/srv/me/a b/known" -R "[h]:2222"'),
        ("  ssh-keygen -f '/k' -R 'h'", "ssh-keygen -f '/k' -R 'h'"),
        ("nothing of the kind", "ssh-keygen -R '[h]:2222'"),
    ],
)
def test_a_changed_host_key_is_told_in_one_sentence_with_the_command_that_ssh_names(said, command):
    banner = f"@@@@@@\r\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\n{'IT IS POSSIBLE that ... ' * 40}\r\n{said}\r\n"
    error = explain(ssh_address("ssh://pi@h:2222"), banner)
    assert (error.why, error.do[0][1]) == ("the key that h shows is another than the one known for it", command)


def test_an_address_with_two_ports_is_refused_in_words_of_its_own():
    with pytest.raises(UsageError) as caught:
        ssh_address("ssh://a:b:c")
    assert "it reads ssh://USER@HOST" in caught.value.why


@pytest.mark.parametrize("name", ["a b", "%h", "x" * 70])
def test_a_folder_for_temporary_files_that_ssh_cannot_name_is_done_without(there, tmp_path, name):
    (tmp_path / name).mkdir()
    program = f"""
from edgekit.links.ssh import SshLink
from edgekit.links.ssh_address import ssh_address
link = SshLink(ssh_address({there.address!r}), config={str(there.config)!r})
link.open()
print(link.run(["echo", "in"]).stdout, end="")
link.close()
"""
    env = {**os.environ, "TMPDIR": str(tmp_path / name)}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "in\n", done.stderr
