"""Who may import whom (docs/architecture.md): no cycles, no arrow upwards."""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src"

# Each part may import itself, what is listed here, and what every part may: FOUNDATION.
FOUNDATION = {"tertulia", "tertulia.errors"}
MAY_IMPORT = {
    "tertulia": set(),
    "tertulia.errors": set(),
    "tertulia._engine": set(),
    # For operators: the form of figures, and the pages that show them.
    "tertulia.metrics": set(),
    "tertulia.monitoring": {"tertulia.metrics"},
    "tertulia.xmpp": set(),
    "tertulia.client": {"tertulia.xmpp", "tertulia._engine"},
    "tertulia.rooms": {"tertulia.xmpp"},
    "tertulia.focus": {"tertulia.rooms", "tertulia.xmpp", "tertulia.metrics"},
    "tertulia.bridge": {
        "tertulia.adoption",
        "tertulia.xmpp",
        "tertulia._engine",
        "tertulia.metrics",
        "tertulia.monitoring",
        "tertulia.public_address",
    },
    "tertulia.storage": set(),
    "tertulia.usage": {"tertulia.rooms", "tertulia.storage", "tertulia.xmpp"},
    "tertulia.administration": {
        "tertulia.focus",
        "tertulia.rooms",
        "tertulia.usage",
        "tertulia.xmpp",
    },
    "tertulia.administering": {
        "tertulia.administration",
        "tertulia.admitting",
        "tertulia.usage",
        "tertulia.web",
        "tertulia.xmpp",
    },
    "tertulia.accounts": {
        "tertulia.focus",
        "tertulia.rooms",
        "tertulia.storage",
        "tertulia.xmpp",
    },
    # The shell: it assembles, so it may know the services; nothing below may know it.
    "tertulia.logs": set(),
    "tertulia.machine": set(),
    "tertulia.certificates": set(),
    "tertulia.bridge_secret": {"tertulia.certificates"},
    "tertulia.adoption": set(),
    "tertulia.data_folder": set(),
    "tertulia.supervisor": set(),
    "tertulia.program": set(),
    "tertulia.survival": {"tertulia.focus", "tertulia.rooms", "tertulia.xmpp"},
    "tertulia.public_address": set(),
    "tertulia.ice_server": {"tertulia.public_address"},
    "tertulia.turn": {"tertulia.ice_server", "tertulia.xmpp"},
    "tertulia.setting_rules": {"tertulia.ice_server", "tertulia.public_address"},
    "tertulia.config": {"tertulia.setting_rules"},
    "tertulia.jitsi_settings": {"tertulia.config", "tertulia.public_address"},
    "tertulia.web": {
        "tertulia.accounts",
        "tertulia.machine",
        "tertulia.storage",
        "tertulia.xmpp",
    },
    "tertulia.operators": {
        "tertulia.focus",
        "tertulia.metrics",
        "tertulia.monitoring",
        "tertulia.rooms",
        "tertulia.xmpp",
    },
    "tertulia.admitting": {
        "tertulia.accounts",
        "tertulia.bridge_secret",
        "tertulia.config",
        "tertulia.focus",
        "tertulia.storage",
        "tertulia.xmpp",
    },
    "tertulia.sharing": {
        "tertulia.admitting",
        "tertulia.config",
        "tertulia.rooms",
        "tertulia.storage",
        "tertulia.web",
        "tertulia.xmpp",
    },
    "tertulia.outside_view": {"tertulia.rooms", "tertulia.web"},
    "tertulia.signing_in": {
        "tertulia.accounts",
        "tertulia.config",
        "tertulia.web",
        "tertulia.xmpp",
    },
    "tertulia.server": {
        "tertulia.signing_in",
        "tertulia.outside_view",
        "tertulia.administering",
        "tertulia.administration",
        "tertulia.admitting",
        "tertulia.accounts",
        "tertulia.adoption",
        "tertulia.data_folder",
        "tertulia.bridge_secret",
        "tertulia.certificates",
        "tertulia.config",
        "tertulia.focus",
        "tertulia.machine",
        "tertulia.monitoring",
        "tertulia.operators",
        "tertulia.public_address",
        "tertulia.rooms",
        "tertulia.sharing",
        "tertulia.storage",
        "tertulia.program",
        "tertulia.supervisor",
        "tertulia.survival",
        "tertulia.turn",
        "tertulia.usage",
        "tertulia.web",
        "tertulia.xmpp",
    },
    "tertulia.doctor": {"tertulia.client", "tertulia.config", "tertulia.machine"},
    "tertulia.cli": {
        "tertulia.accounts",
        "tertulia.rooms",
        "tertulia.storage",
        "tertulia.jitsi_settings",
        "tertulia.doctor",
        "tertulia.bridge",
        "tertulia.bridge_secret",
        "tertulia.certificates",
        "tertulia.config",
        "tertulia.logs",
        "tertulia.machine",
        "tertulia.public_address",
        "tertulia.server",
        "tertulia.setting_rules",
        "tertulia.signing_in",
        "tertulia.turn",
        "tertulia.usage",
        "tertulia.web",
    },
    "tertulia.__main__": {"tertulia.cli"},
}


def modules() -> dict[str, Path]:
    found = {}
    for file in sorted((SRC / "tertulia").rglob("*.py")):
        name = ".".join(file.relative_to(SRC).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = file
    return found


def imports(name: str, file: Path, known: set[str]) -> set[str]:
    """Our modules that `file` imports when it is loaded or later; imports for types count too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative import; write the whole name"
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [each if each in known else str(node.module) for each in inside]
        else:
            continue
        found |= {each for each in names if each.split(".")[0] == "tertulia"}
    return found - {name}


def part_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_imports_point_downwards() -> None:
    files = modules()
    wrong = [
        f"{name} imports {used}"
        for name, file in files.items()
        for used in imports(name, file, set(files))
        if part_of(used) not in {part_of(name)} | FOUNDATION | MAY_IMPORT[part_of(name)]
    ]

    assert wrong == []


def test_no_module_imports_itself_through_others() -> None:
    files = modules()
    graph = {name: imports(name, file, set(files)) for name, file in files.items()}
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in finished or name not in graph:
            return
        for used in sorted(graph[name]):
            visit(used, [*path, name])
        finished.add(name)

    for name in graph:
        visit(name, [])


def test_every_part_has_its_rule() -> None:
    assert {part_of(name) for name in modules()} <= set(MAY_IMPORT)
