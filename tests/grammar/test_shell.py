from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctor.grammar.programs import SHELLS
from doctor.grammar.shell import ShellCommand, shell_commands, shell_script


@pytest.mark.parametrize(
    ("argv", "script"),
    [
        (("/bin/bash", "-lc", "cd x && y"), "cd x && y"),
        (("/usr/bin/env", "A=1", "sh", "-c", "y"), "y"),
        (("/bin/bash", "-e", "-c", "y"), "y"),
        (("/bin/bash", "/srv/start.sh", "-c", "y"), None),
        (("/srv/venv/bin/gunicorn", "-c", "conf.py"), None),
    ],
)
def test_shell_script(argv: tuple[str, ...], script: str | None) -> None:
    assert shell_script(argv) == script


def test_shell_commands() -> None:
    script = "cd /srv/shop && . venv/bin/activate; exec gunicorn -b 'unix:/run/a b' \"x$Y\" >> /log 2>&1 # end"
    assert shell_commands(script) == (
        ShellCommand(("cd", "/srv/shop"), "&&"),
        ShellCommand((".", "venv/bin/activate"), ";"),
        ShellCommand(("exec", "gunicorn", "-b", "unix:/run/a b", "x$Y"), "", True),
    )


def test_shell_pipe_background_and_substitution() -> None:
    assert shell_commands("kill -HUP $(cat /run/a b.pid) | tee x &\nwait") == (
        ShellCommand(("kill", "-HUP", "$(cat /run/a b.pid)"), "|"),
        ShellCommand(("tee", "x"), "&"),
        ShellCommand(("wait",), ""),
    )


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_every_shell_runs_a_script(shell: str) -> None:
    assert shell_script((f"/bin/{shell}", "-c", "exec gunicorn app:app")) == "exec gunicorn app:app"


@given(st.text())
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(command.words for command in shell_commands(text))
