"""The part of Graphviz's DOT language that graphs of states need: directed graphs with named nodes and attributes.

Nothing of Graphviz has to be installed. Read are ``[strict] digraph [name] { ... }`` with nodes, edges (chains too),
attributes, quoted and bare names, semicolons or none, and comments. Not read are undirected graphs, subgraphs,
ports and HTML names, which say nothing about states.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

from powerenvs.model.files import atomic_path

Attributes = Mapping[str, str]

_TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | //[^\n]* | /\*.*?\*/ | ^\#[^\n]* )
  | (?P<quoted> "(?:[^"\\]|\\.)*" )
  | (?P<mark> -> | -- | [{}\[\];,=] )
  | (?P<bare> -?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]) | [^\W\d]\w* )
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_END = "the end of the file"

MEANINGFUL = frozenset({"weight", "initial", "terminal"} | {
    f"{kind}{agent}" for kind in ("reward", "performance") for agent in ("", "_H", "_A")
})  # fmt: skip
"""The attributes that say something about a model; all others are for pictures."""


class Token(NamedTuple):
    """A piece of the text: ``kind`` is "name", "mark" or "end"; keywords are names that are not quoted."""

    kind: str
    text: str
    at: int
    quoted: bool = False


@dataclass
class Graph:
    """Nodes and edges in the order in which a file first names them.

    Attributes:
        source: what messages call the graph: a file, for instance.
        nodes: {name: attributes}.
        edges: {(from, to): attributes}.
        text: the text that the graph was read from; empty if there is none.
        places: the position in ``text`` of each node and edge.
        repeated: the edges that are listed more than once.
    """

    source: str
    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    text: str = ""
    places: dict[str | tuple[str, str], int] = field(default_factory=dict)
    repeated: set[tuple[str, str]] = field(default_factory=set)

    def fail(self, where: str | tuple[str, str] | int | None, message: str) -> NoReturn:
        """Raises a ValueError about a node, an edge or a position in the text, with its line."""
        at = where if isinstance(where, int) or where is None else self.places.get(where)
        line = "" if at is None else f", line {self.text.count(chr(10), 0, at) + 1}"
        raise ValueError(f"{self.source}{line}: {message}")

    def add_node(self, name: str, attributes: Attributes = {}, at: int | None = None) -> None:  # noqa: B006  never written
        """Adds a node, or attributes to one that is there."""
        self.nodes.setdefault(name, {}).update(attributes)
        if at is not None:
            self.places.setdefault(name, at)

    def add_edge(self, source: str, target: str, attributes: Attributes = {}, at: int | None = None) -> None:  # noqa: B006
        """Adds an edge and the nodes that are missing, or attributes to an edge that is there."""
        self.add_node(source, at=at)
        self.add_node(target, at=at)
        edge = (source, target)
        if edge in self.edges:
            self.repeated.add(edge)
        self.edges.setdefault(edge, {}).update(attributes)
        if at is not None:
            self.places[edge] = at


def read_dot(path: str | os.PathLike[str]) -> Graph:
    """Reads a directed graph.

    Raises:
        ValueError: if the file is no such graph; the message has the file, the line and what was expected.
        FileNotFoundError: if there is no such file.
    """
    source = repr(os.fspath(path))
    data = Path(path).read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{source}, line {line}: expected UTF-8 text, found other bytes") from None
    return _Parser(text, source).graph()


class _Parser:
    def __init__(self, text: str, source: str):
        self.result = Graph(source, text=text)
        self.tokens = self._tokens(text)
        self.position = 0

    def _tokens(self, text: str) -> list[Token]:
        tokens, at = [], 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None and text[at] == '"':
                self.result.fail(at, "expected a quote to close the name that begins here, found none")
            if match is None:
                self.result.fail(at, f"expected a name, an arrow, a bracket or a semicolon, found {text[at]!r}")
            if match.lastgroup == "quoted":
                tokens.append(Token("name", match.group()[1:-1].replace('\\"', '"'), at, quoted=True))
            elif match.lastgroup != "skip":
                tokens.append(Token("mark" if match.lastgroup == "mark" else "name", match.group(), at))
            at = match.end()
        tokens.append(Token("end", _END, max(len(text) - 1, 0)))
        return tokens

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.next
        self.position += token.kind != "end"
        return token

    def is_mark(self, *marks: str) -> bool:
        return self.next.kind == "mark" and self.next.text in marks

    def is_word(self, *words: str) -> bool:
        token = self.next
        return token.kind == "name" and not token.quoted and token.text.lower() in words

    def expect(self, mark: str) -> None:
        if not self.is_mark(mark):
            self.stop(repr(mark))
        self.take()

    def stop(self, expected: str) -> NoReturn:
        found = self.next.text if self.next.kind == "end" else repr(self.next.text)
        self.result.fail(self.next.at, f"expected {expected}, found {found}")

    def name(self, expected: str) -> str:
        if self.next.kind != "name":
            self.stop(expected)
        return self.take().text

    def graph(self) -> Graph:
        if self.is_word("strict"):
            self.take()
        if not self.is_word("digraph"):
            self.stop("a directed graph, 'digraph { ... }'")
        self.take()
        if self.next.kind == "name":
            self.take()
        self.expect("{")
        while not self.is_mark("}"):
            if self.next.kind == "end":
                self.stop("'}'")
            self.statement()
        self.take()
        if self.next.kind != "end":
            self.stop("nothing after the graph")
        return self.result

    def statement(self) -> None:
        if self.is_mark(";"):
            self.take()
            return
        if self.is_word("subgraph") or self.is_mark("{"):
            self.stop("nodes and edges only (subgraphs are not read)")
        if self.is_word("graph", "node", "edge"):
            self.defaults()
            return
        at = self.next.at
        names = [self.name("a node")]
        if self.is_mark("="):  # an attribute of the graph, as in rankdir=LR
            self.take()
            self.name("the value of an attribute")
            return
        while self.is_mark("->"):
            self.take()
            if self.is_word("subgraph") or self.is_mark("{"):
                self.stop("a node (subgraphs are not read)")
            names.append(self.name("the node that the edge leads to"))
        if self.is_mark("--"):
            self.stop("'->'")
        attributes = self.attributes()
        if len(names) == 1:
            self.result.add_node(names[0], attributes, at)
        for source, target in itertools.pairwise(names):
            self.result.add_edge(source, target, attributes, at)
        if self.next.kind == "mark" and not self.is_mark(";", "}", "{"):
            self.stop("';' or a new statement")

    def defaults(self) -> None:
        """Defaults for what follows: those of pictures are passed over, others would have to be carried along."""
        kind, at = self.take().text, self.next.at
        if not self.is_mark("["):
            self.stop("'['")
        for key in self.attributes():
            if key in MEANINGFUL:
                self.result.fail(at, f"expected {key!r} on each node or edge itself, found it as a default of {kind!r}")

    def attributes(self) -> dict[str, str]:
        found = {}
        while self.is_mark("["):
            self.take()
            while not self.is_mark("]"):
                key = self.name("an attribute or ']'")
                self.expect("=")
                found[key] = self.name(f"the value of {key!r}")
                if self.is_mark(",", ";"):
                    self.take()
            self.take()
        return found


def write_dot(graph: Graph, path: str | os.PathLike[str]) -> None:
    """Writes a graph, whole or not at all.

    Raises:
        ValueError: if ``path`` does not end in ``.gv`` or ``.dot``, or a name cannot be written.
    """
    if not str(path).endswith((".gv", ".dot")):
        raise ValueError(f"path: expected a name that ends in .gv or .dot, found {os.fspath(path)!r}")
    lines = ["strict digraph {"]
    lines += [f"{_quoted(name)}{_listed(attributes)};" for name, attributes in graph.nodes.items()]
    for (source, target), attributes in graph.edges.items():
        lines.append(f"{_quoted(source)} -> {_quoted(target)}{_listed(attributes)};")
    text = "\n".join([*lines, "}"]) + "\n"
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"labels: expected text that UTF-8 can hold, found {text[error.start]!r}") from None
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _quoted(name: str) -> str:
    if "\\" in name:  # DOT keeps backslashes, so one before a quote could not be told from an escape
        raise ValueError(f"labels: expected no backslash in a label of a Graphviz file, found {name!r}")
    return '"' + name.replace('"', '\\"') + '"'


def _listed(attributes: Attributes) -> str:
    return f" [{', '.join(_pairs(attributes))}]" if attributes else ""


def _pairs(attributes: Attributes) -> Iterable[str]:
    return (f"{key}={_quoted(value)}" for key, value in attributes.items())
