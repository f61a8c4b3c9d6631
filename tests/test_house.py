"""The rules of the house that no linter knows: what stands where, what is never committed, and that the documents tell the truth."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("ledger", "contracts", "nodes", "api")
FILE_LINES_MAX = 320
FUNCTION_LINES_MAX = 70


def house_files() -> list[Path]:
    """Every file that is committed or about to be."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    return [ROOT / name for name in sorted(listing.decode().split("\0")) if name and (ROOT / name).is_file()]


def text_files() -> Iterator[tuple[Path, str]]:
    for path in house_files():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            yield path.relative_to(ROOT), data.decode("utf-8", errors="replace")


def sources(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def names_in(path: Path) -> set[str]:
    """The functions and classes of a file, and what its module assigns; nothing for a file that is not there."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.findall(r"^ *(?:async )?(?:def|class) (\w+)|^(\w+) = ", text, flags=re.MULTILINE)
    return {name for either in found for name in either}


def without_docstrings(tree: ast.Module) -> str:
    """The code, without prose and comments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node) is not None:
            node.body = [*node.body[1:], ast.Pass()]
    return ast.unparse(tree)


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_nothing_committed_depends_on_the_machine_that_it_was_written_on() -> None:
    # Put together here, so that this file does not find itself.
    places = "|".join(["/" + "work/", r"\.\./" + "shared", "/" + "root/", "/" + "tmp/" + "spec", r"\.pyenv" + "/"])
    foreign = re.compile(rf"(?<![a-z0-9_.-])(?:{places})")
    found = [f"{path}: {match[0]}" for path, text in text_files() for match in foreign.finditer(text)]
    assert not found


def test_no_promise_and_no_silenced_check_is_left_in_the_code() -> None:
    promises = re.compile(
        "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK:", "pragma: no " + "cover", "NotImplemented" + "Error"])
    )
    found = [f"{path}: {match[0]}" for path, text in text_files() if path.suffix == ".py" for match in promises.finditer(text)]
    assert not found


def test_a_silenced_check_names_what_it_silences_and_why() -> None:
    silenced = re.compile(r"# (?:type: ignore|noqa|nosec)[^#\n]*")
    # What bandit is told has its reason behind it, or before it, where ruff is told the same.
    reasoned = re.compile(
        r"# (?:type: ignore\[[a-z-, ]+\]|noqa: [A-Z0-9, ]+|nosec B[0-9]+) +[-#] [A-Za-z`].{8,}|- [A-Za-z`].{8,} # nosec B[0-9]+$"
    )
    bare = [
        f"{path}:{number}: {line.strip()}"
        for path in sources(*LAYERS)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if silenced.search(line) and not reasoned.search(line)
    ]
    assert not bare


def test_a_file_is_one_concept_of_bearable_length() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in sources(*LAYERS)}
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_a_function_fits_on_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.name}: {lines_of(function)}"
        for path in sources(*LAYERS)
        for function in functions(parsed(path))
        if lines_of(function) > FUNCTION_LINES_MAX
    ]
    assert not long


def test_the_ledger_knows_nothing_of_trade_finance() -> None:
    # limits.py is the one place for the limits of every layer.
    words = re.compile(r"declaration|financ|customs|exporter|enterprise|enquir|\bbank|\bconsent", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in sources("ledger")
        if path.name != "limits.py"
        for match in words.finditer(without_docstrings(parsed(path)))
    ]
    assert not found


def test_contracts_calculate_without_floats_clocks_or_chance() -> None:
    found = []
    for path in sources("contracts"):
        for node in ast.walk(parsed(path)):
            inexact = isinstance(node, ast.Constant) and isinstance(node.value, float)
            divides = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
            names = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"float", "hash", "id", "open", "print", "input", "eval", "exec"}
            )
            asks = isinstance(node, ast.Attribute) and node.attr in {"now", "today", "utcnow", "urandom", "environ", "getenv"}
            if inexact or divides or names or asks:
                found.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}")
    assert not found


def test_contracts_never_iterate_a_set() -> None:
    """The order of a set of strings changes with the hash seed; results must not."""
    found = []
    for path in sources("contracts"):
        for node in ast.walk(parsed(path)):
            iterated = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
            for value in iterated:
                made_here = isinstance(value, ast.Set | ast.SetComp)
                called = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in {"set", "frozenset"}
                if made_here or called:
                    found.append(f"{path.relative_to(ROOT)}:{value.lineno}")
    assert not found


def test_every_error_has_a_stable_kebab_case_code() -> None:
    family = {"TallystickError", "InputError", "Refused", "NotPermitted", "NotFound", "VerificationFailed", "Unreachable"}
    kebab = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
    bad = []
    for path in sources(*LAYERS):
        for node in ast.walk(parsed(path)):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in family and node.args):
                continue
            code = node.args[0]
            if isinstance(code, ast.JoinedStr) or (isinstance(code, ast.Constant) and not kebab.fullmatch(str(code.value))):
                bad.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(code)}")
    assert not bad


def test_every_limit_is_used() -> None:
    limits = parsed(ROOT / "ledger" / "limits.py")
    names = [node.target.id for node in limits.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    used = {word for path in sources(*LAYERS) if path.name != "limits.py" for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert [name for name in names if name not in used] == []


def test_locked_dependencies_have_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "index-url" not in text
        entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
        assert entries
        assert [entry.splitlines()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_every_dependency_is_locked_and_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked_for_developing = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    names = [re.split(r"[><=\[ ]", dependency)[0] for dependency in project["dependencies"]]
    developing = [re.split(r"[><=\[ ]", dependency)[0] for dependency in project["optional-dependencies"]["dev"]]
    assert [name for name in names if f"\n{name}==" not in locked] == []
    assert [name for name in [*names, *developing] if f"\n{name}==" not in locked_for_developing] == []
    assert [name for name in names if name not in readme] == []


def test_generated_documents_are_what_the_code_says() -> None:
    finished = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("page", ["alerts.md", "problem-codes.md", "record-types.md", "result-codes.md"])
def test_every_record_type_code_and_alert_is_produced_by_a_test(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if "`tests/api/" not in row] == []


def test_every_link_of_the_documents_leads_somewhere() -> None:
    link = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
    dead = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in house_files()
        if path.suffix == ".md"
        for target in link.findall(path.read_text(encoding="utf-8"))
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert not dead


def test_every_safety_invariant_names_tests_that_exist() -> None:
    text = (ROOT / "SAFETY_INVARIANTS.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| invariant", "| ---"))]
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
    defined = {file: names_in(ROOT / file) for file, _ in named}
    missing = [f"{file}::{test}" for file, test in named if test not in defined[file]]
    assert rows
    assert not missing
    assert [row for row in rows if "::" not in row] == []


def console_blocks() -> list[tuple[bool, list[str]]]:
    """The README's console blocks: whether a test may run them here, and their commands."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console( runnable)?\n(.*?)```", text, flags=re.DOTALL)
    return [(bool(runnable), re.findall(r"^\$ (.+)$", body, flags=re.MULTILINE)) for runnable, body in blocks]


def test_every_make_target_that_the_readme_names_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = sorted(set(re.findall(r"(?:`|^\$ )make ([a-z][a-z-]+)", text, flags=re.MULTILINE)))
    assert {"run", "test", "check"} <= set(targets)
    for target in targets:
        finished = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr


def test_the_readme_commands_run_on_a_played_demo(played_demo: Path, tmp_path: Path) -> None:
    commands = [command for runnable, block in console_blocks() if runnable for command in block]
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo").symlink_to(played_demo)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert commands
    for command in commands:
        finished = subprocess.run(["bash", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
        assert finished.returncode == 0, f"{command}\n{finished.stdout}\n{finished.stderr}"
        assert finished.stdout.strip()


def test_the_commands_that_end_at_make_are_targets_of_the_makefile() -> None:
    commands = [command for runnable, block in console_blocks() if not runnable for command in block]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands:
        if command.startswith("make "):
            assert re.search(rf"^{command.removeprefix('make ')}:", makefile, flags=re.MULTILINE)


def test_scripts_are_executable_and_stop_at_the_first_failure() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_containers_are_the_members_of_one_solo_network() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    services = re.findall(r"^  ([a-z][a-z-]*):$", compose.split("\nvolumes:")[0].split("services:\n")[1], flags=re.MULTILINE)
    made = re.findall(r"--member[= ]\"?([a-z-]+):", compose)
    assert sorted(made) == sorted(name for name in services if name != "init")
    assert {"authority", "bank-a", "bank-b", "bank-c", "exporter-a", "auditor"} == set(made)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "SAFETY_INVARIANTS.md",
        *(f"docs/{name}.md" for name in ("glossary", "security-model", "architecture", "api", "proofs", "operations")),
    ],
)
def test_the_documents_promise_nothing_by_placeholder(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"\bTBD\b|lorem ipsum|<your|coming soon|placeholder", text, flags=re.IGNORECASE)
