# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The description of the stack (stack.yaml), read and resolved. Knows no ROS and starts nothing.

The launch file and the process manager both take nodes, arguments and parameters from here, so
that there is one truth about them. Text in, typed values out; what is wrong is said in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import yaml

from c2a_controller import policy_checkpoint
from c2a_core.sealed_directory import CheckpointError
from c2a_planner import checkpoint as planner_checkpoint

Value = str | int | float | bool

STACK_FILE = 'stack.yaml'


class StackError(ValueError):
    """An argument or a file of the stack is wrong; the text is one line that says what to do."""


@dataclass(frozen=True)
class Argument:
    """One `name:=value` of the stack.

    Attributes:
        name: as it is written on the command line.
        kind: text, integer, number, flag or path.
        help: one line.
        default: value that holds when the argument is not given, as text.
        choices: values that are accepted; empty: any of the kind.
        later: accepted names that are not there yet.
        needs: the flag without which it means nothing; empty if there is none.
    """

    name: str
    kind: str
    help: str
    default: str
    choices: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    needs: str = ''

    def description(self) -> str:
        """Return the help with the values that can be given."""
        known = list(self.choices)
        known += [f'{name} (later)' for name in self.later]
        return f'{self.help} [{" | ".join(known) or self.kind}]'

    def parse(self, text: str) -> Value:
        """Turn the text of the command line into a value.

        Raises:
            StackError: the text is no value of this argument.
        """
        if text in self.later:
            there = ' or '.join(self.choices)
            raise StackError(f'{self.name}:={text} is not there yet: use {there}')
        if self.choices and text not in self.choices:
            known = [*self.choices, *self.later]
            raise StackError(
                f'{self.name}:={text} is unknown{nearest(text, known)}; '
                f'{self.name} is one of {", ".join(known)}'
            )
        return _convert(self.name, self.kind, text)


@dataclass(frozen=True)
class NodeDescription:
    """One process of the stack as stack.yaml describes it; see there for the meaning."""

    name: str
    package: str
    executable: str
    namespace: str
    arguments: tuple[str, ...]
    parameters: Mapping[str, Value]
    required: bool
    respawn: bool
    when: str
    absent: str
    command_line: tuple[str, ...]
    output_of: Mapping[str, tuple[str, ...]]
    adds: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class NodeStart:
    """One process to be started.

    Attributes:
        node: its description.
        parameters: values that override the parameter files, by name.
        params_files: parameter files, the last one wins.
    """

    node: NodeDescription
    parameters: Mapping[str, Value]
    params_files: tuple[Path, ...]


@dataclass(frozen=True)
class Stack:
    """Nodes and arguments.

    Attributes:
        folder: the share folder of the package `c2a`.
        arguments: by name, in the order of the help.
        nodes: in the order they are started.
        params_file: the deployed parameters.
        refused: combinations of values, as text, that cannot work, and what to say then.
    """

    folder: Path
    arguments: Mapping[str, Argument]
    nodes: tuple[NodeDescription, ...]
    params_file: Path
    refused: tuple[tuple[Mapping[str, str], str], ...] = ()

    def parse_words(self, words: Sequence[str]) -> dict[str, str]:
        """Split words of the form `name:=value` and check the names.

        Raises:
            StackError: a word is not of that form or its name is unknown.
        """
        given = {}
        for word in words:
            name, separator, value = word.partition(':=')
            if not separator:
                raise StackError(f'{word!r} is no argument: write name:=value{self._hint(word)}')
            self.check_names([name])
            given[name] = value
        return given

    def check_names(self, names: Iterable[str]) -> None:
        """Refuse names that are no argument of the stack.

        Raises:
            StackError: a name is unknown; the nearest one is named.
        """
        for name in names:
            if name not in self.arguments:
                meant = nearest(name, self.arguments)
                known = ', '.join(self.arguments)
                raise StackError(f'unknown argument {name}{meant}; arguments are {known}')

    def start(self, given: Mapping[str, str]) -> tuple[NodeStart, ...]:
        """Resolve the arguments that were given into the processes to start.

        Args:
            given: text of the arguments that were given; the others keep the value of the
                parameter files.

        Raises:
            StackError: a value is wrong, or the user's file of parameters cannot be read.
        """
        self.check_names(given)
        values = {name: self.arguments[name].parse(text) for name, text in given.items()}
        for name in values:
            if (flag := self.arguments[name].needs) and not values.get(flag):
                raise StackError(f'{name}:={given[name]} needs {flag}:=true')
        files = [self.params_file]
        if values.get('params_file'):
            own = Path(str(values['params_file'])).expanduser().absolute()
            document = _read_yaml(own)
            files.append(own)
        else:
            document = {}
        own_values = _parameter_defaults(document)
        stand_ins = _stand_ins(own_values.keys() | values.keys())
        self._check_combination({**stand_ins, **own_values, **given})
        nodes = [n for n in self.nodes if n.when not in self.arguments or values.get(n.when)]
        values |= stand_ins
        starts = []
        for node in nodes:
            named = {name: values[name] for name in node.arguments if name in values}
            added = _added(node.name, nodes, own_values)
            starts.append(NodeStart(node, {**node.parameters, **named, **added}, tuple(files)))
        return tuple(starts)

    def command_line(self, node: NodeDescription) -> list[str]:
        """Return a node's own words, with the names of our files made whole."""
        files = (self.folder / word for word in node.command_line)
        return [
            str(path) if path.is_file() else word
            for path, word in zip(files, node.command_line, strict=True)
        ]

    def help_lines(self) -> list[str]:
        """Return one line for each argument."""
        lines = []
        for argument in self.arguments.values():
            left = f'{argument.name}:={argument.default or repr("")}'
            lines.append(f'  {left:24} {argument.description()}')
        return lines

    def _check_combination(self, given: Mapping[str, Value]) -> None:
        defaults = {name: entry.default for name, entry in self.arguments.items()}
        effective = {**defaults, **{name: str(value) for name, value in given.items()}}
        for combination, message in self.refused:
            if all(effective[name] == value for name, value in combination.items()):
                raise StackError(message)

    def _hint(self, word: str) -> str:
        name = word.lstrip('-').partition('=')[0]
        return nearest(name, self.arguments)


def load_stack(folder: Path) -> Stack:
    """Read stack.yaml and the parameters beside it.

    Args:
        folder: the share folder of the installed package `c2a`, or `launch/` of a checkout.

    Raises:
        StackError: a file is missing or not of the form of stack.yaml.
    """
    document = _read_yaml(folder / STACK_FILE)
    params_file = folder / document['params']
    defaults = _parameter_defaults(_read_yaml(params_file))
    arguments = {
        name: _argument(name, entry, defaults) for name, entry in document['arguments'].items()
    }
    nodes = tuple(
        _node(name, entry, document['namespace']) for name, entry in document['nodes'].items()
    )
    refused = tuple((entry['when'], entry['say']) for entry in document.get('refused', []))
    return Stack(folder, arguments, nodes, params_file, refused)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ', did you mean X?' for the known name that is nearest, '' if none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f', did you mean {close[0]}?' if close else ''


def _argument(name: str, entry: Mapping, defaults: Mapping[str, Value]) -> Argument:
    default = entry['default'] if 'default' in entry else defaults.get(name)
    if default is None:
        raise StackError(f'argument {name} of {STACK_FILE} has no default in the parameters')
    return Argument(
        name=name,
        kind=entry['kind'],
        help=entry['help'],
        default=str(default).lower() if isinstance(default, bool) else str(default),
        choices=tuple(entry.get('choices', [])),
        later=tuple(entry.get('later', [])),
        needs=entry.get('needs', ''),
    )


def _node(name: str, entry: Mapping, namespace: str) -> NodeDescription:
    return NodeDescription(
        name=name,
        package=entry['package'],
        executable=entry['executable'],
        namespace=entry.get('namespace', f'/{namespace}'),
        arguments=tuple(entry.get('arguments', [])),
        parameters=entry.get('parameters', {}),
        required=entry.get('required', False),
        respawn=entry.get('respawn', False),
        when=entry.get('when', ''),
        absent=entry.get('absent', ''),
        command_line=tuple(entry.get('command_line', [])),
        output_of={key: tuple(words) for key, words in entry.get('output_of', {}).items()},
        adds=entry.get('adds', {}),
    )


# What moves the robot where a shipped checkpoint is missing: an argument, the one that names
# another checkpoint, who ships it, and what stands in.
_STAND_INS = (
    ('planner', 'checkpoint', planner_checkpoint, 'oracle'),
    ('low_level', 'policy_checkpoint', policy_checkpoint, 'oracle'),
)


def _stand_ins(chosen: Set[str]) -> dict[str, Value]:
    """The ground truth stands in for deployed models whose checkpoints do not ship."""
    values: dict[str, Value] = {}
    for name, names_other, package, stand_in in _STAND_INS:
        if {name, names_other} & chosen:
            continue
        try:
            package.shipped(package.SHIPPED[0])
        except CheckpointError:
            values[name] = stand_in
    return values


def _added(
    name: str, nodes: Sequence[NodeDescription], given: Mapping[str, Value]
) -> dict[str, Value]:
    """What other nodes add to the parameters of one; the user's own words stay."""
    words: dict[str, list[str]] = {}
    for node in nodes:
        for parameter, word in node.adds.get(name, {}).items():
            own = str(given.get(parameter, ''))
            words.setdefault(parameter, [own] if own else []).append(word)
    return {parameter: ','.join(entries) for parameter, entries in words.items()}


def _parameter_defaults(document: Mapping) -> dict[str, Value]:
    defaults: dict[str, Value] = {}
    for node, block in document.items():
        if not isinstance(block, dict) or not isinstance(block.get('ros__parameters'), dict):
            raise StackError(f'{node} of the parameters has no ros__parameters below it')
        for name, value in block['ros__parameters'].items():
            defaults.setdefault(name, value)
    return defaults


def _read_yaml(path: Path) -> dict:
    try:
        document = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as err:
        raise StackError(f'cannot read {path}: {err.strerror}') from err
    except yaml.YAMLError as err:
        line = str(err).replace('\n', ' ')
        raise StackError(f'{path} is not YAML: {line}') from err
    if not isinstance(document, dict):
        raise StackError(f'{path} holds no mapping: expected node names with ros__parameters')
    return document


def _convert(name: str, kind: str, text: str) -> Value:
    try:
        if kind == 'integer':
            return int(text)
        if kind == 'number':
            return float(text)
        if kind == 'flag':
            return {'true': True, 'false': False}[text.lower()]
    except (ValueError, KeyError) as err:
        expected = {'integer': 'a whole number', 'number': 'a number', 'flag': 'true or false'}
        raise StackError(f'{name}:={text} is wrong: {name} is {expected[kind]}') from err
    if kind == 'path' and text:
        return str(Path(text).expanduser().absolute())
    return text
