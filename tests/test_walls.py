"""The walls of the house: which package may import which, read from the sources."""

import ast
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
PACKAGES = ("blender_addon", "neural", "smpl_fitting")
SOURCES = sorted(path for package in PACKAGES for path in (REPO / package).rglob("*.py"))
IN_BLENDER = {
    "bpy",
    "bpy_extras",
    "mathutils",
    "gpu",
    "gpu_extras",
    "bl_ui",
    "bl_math",
    "addon_utils",
    "numpy",
}
INSIDE_BLENDER_ONLY = IN_BLENDER - {"numpy"}


def name(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def module(path: Path) -> str:
    return ".".join(path.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """The modules a file imports, relative ones with their dots; at import time only, or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"), path.name)
    found = set()
    nodes = list(tree.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
        function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if not (top_level and (function or _for_types_only(node))):
            nodes.extend(ast.iter_child_nodes(node))
    return found


def _for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def roots(path: Path, **options) -> set[str]:
    return {imported.split(".")[0] for imported in imports(path, **options) if not imported.startswith(".")}


def of(package: str) -> list:
    return [pytest.param(path, id=name(path)) for path in SOURCES if name(path).startswith(f"{package}/")]


@pytest.mark.parametrize("path", of("smpl_fitting"))
def test_smpl_fitting_imports_neither_other(path):
    assert not roots(path) & {"neural", "blender_addon", "bpy"}


@pytest.mark.parametrize("path", of("neural"))
def test_neural_reaches_blender_by_starting_it(path):
    """Only a program of its own may use bpy, one that no other module imports."""
    assert "blender_addon" not in roots(path)
    if roots(path) & INSIDE_BLENDER_ONLY:
        assert '__name__ == "__main__"' in path.read_text(encoding="utf-8")
        importers = [name(other) for other in SOURCES if module(path) in imports(other)]
        assert not importers


@pytest.mark.parametrize("path", of("blender_addon"))
def test_the_extension_stands_alone(path):
    """Installed as ``bl_ext.<repo>.liquid_motion`` it knows itself by relative imports, and only bpy and numpy."""
    strangers = roots(path) - IN_BLENDER - set(sys.stdlib_module_names)
    assert not strangers


@pytest.mark.parametrize("path", of("neural/cli"))
def test_commands_import_nothing_heavy(path):
    allowed = set(sys.stdlib_module_names) | {"typer", "neural"}
    assert roots(path, top_level=True) <= allowed
    light = {"neural", "neural.cli", "neural.eta", "neural.failures"}
    ours = {one for one in imports(path, top_level=True) if one.split(".")[0] == "neural"}
    assert all(one in light or one.rpartition(".")[0] in light or "._" in one for one in ours)


def test_the_worker_imports_nothing_before_it_holds_stdout():
    assert roots(REPO / "neural/worker.py", top_level=True) <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", [pytest.param(path, id=name(path)) for path in SOURCES])
def test_no_forbidden_library(path):
    assert not roots(path) & {"PIL", "torchvision", "pytest", "jax"}


def test_import_reader():
    """The reader itself sees what it must."""
    path = REPO / "neural/cli/fit.py"
    assert "neural.cli._perform" in imports(path)
    assert "neural.cli._perform" not in imports(path, top_level=True)
