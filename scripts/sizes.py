"""Print the lines of every room and the share of docstrings to code; no gate, sizes are for orientation."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1] / "src" / "outgrow"


def docstring_lines(source: str) -> int:
    """Lines of bare strings: docstrings of modules, classes and functions, and notes beside fields."""
    strings = (
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    return sum(node.end_lineno - node.lineno + 1 for node in strings)


def code_lines(source: str) -> int:
    """Lines that hold a token of the program: neither blank, nor comment, nor docstring."""
    idle = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in idle:
            held.update(range(token.start[0], token.end[0] + 1))
    return len(held) - docstring_lines(source)


def main() -> None:
    """Print one line a room, then the whole house."""
    rooms: dict[str, list[str]] = {}
    for path in sorted(HOUSE.rglob("*.py")):
        place = path.relative_to(HOUSE)
        rooms.setdefault(place.parts[0] if len(place.parts) > 1 else "(top)", []).append(path.read_text())
    print(f"{'room':<12}{'files':>6}{'lines':>8}{'docstring/code':>16}")
    for room, sources in [*rooms.items(), ("all", [text for texts in rooms.values() for text in texts])]:
        lines = sum(text.count("\n") for text in sources)
        ratio = sum(map(docstring_lines, sources)) / max(1, sum(map(code_lines, sources)))
        print(f"{room:<12}{len(sources):>6}{lines:>8,}{ratio:>16.2f}")


if __name__ == "__main__":
    main()
