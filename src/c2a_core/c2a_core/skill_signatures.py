# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""The robot's API as tables: which calls exist, which arguments they take, and what they mean.

One definition for the parser, the renderer, the interpreter's tests and the documentation.
This module holds data only; `skill_code.py` checks values against it.
"""

from __future__ import annotations

from dataclasses import dataclass

# Raise it when a change makes old checkpoints or recorded code unreadable.
SKILL_API_VERSION = 1

# Bounds on what is accepted as code. A key step of the oracles has under 400 characters.
MAX_TEXT_LENGTH = 4000
MAX_NAME_LENGTH = 64
# Calls nested in each other in one pose expression; the oracles nest two.
MAX_POSE_DEPTH = 4
MAX_DEGREES = 360.0
# Rounding allowed in the length of a direction.
UNIT_TOLERANCE = 0.01

# Functions whose arguments are written without keywords.
POSITIONAL = frozenset({'rotate_z', 'Pose'})

GET_ACTOR = 'get_actor'
POSE_DICT = 'pose_dict'

DESCRIPTIONS = ('left of', 'right of', 'in front of', 'behind')


class Kind:
    """What an argument holds; the words are used in error messages."""

    ACTOR = "an actor such as get_actor('red cube', (3, 5))"
    POSE = "a pose such as pose_dict['target'] or get_pose(actor=...)"
    POSITION = "the position of a pose such as pose_dict['target'].p"
    ORIENTATION = "the orientation of a pose such as pose_dict['target'].q"
    DIRECTION = 'a unit vector such as [1.0, 0.0, 0.0]'
    DESCRIPTION = 'one of "' + '", "'.join(DESCRIPTIONS) + '"'
    DEGREES = 'an angle in degrees, -360.0 to 360.0'
    FLAG = 'True (leave the argument out for the opposite)'


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a form.

    Attributes:
        name: keyword.
        kind: one of `Kind`.
        is_required: whether the form needs it.
    """

    name: str
    kind: str
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Form:
    """One way to call a function.

    Attributes:
        parameters: in the order in which they are written, required ones first.
        meaning: what it does or gives; for a skill, until when it runs.
    """

    parameters: tuple[Parameter, ...]
    meaning: str

    def required(self) -> frozenset[str]:
        """Names that must be given."""
        return frozenset(p.name for p in self.parameters if p.is_required)

    def names(self) -> frozenset[str]:
        """Names that may be given."""
        return frozenset(p.name for p in self.parameters)

    def signature(self, function: str) -> str:
        """The form as written, for example `place(actor=, target_pose=[, match_ori=])`."""
        equals = '' if function in POSITIONAL else '='
        required = [f'{p.name}{equals}' for p in self.parameters if p.is_required]
        optional = [f'[, {p.name}{equals}]' for p in self.parameters if not p.is_required]
        return f'{function}({", ".join(required)}{"".join(optional)})'


_ACTOR = Parameter('actor', Kind.ACTOR)
_TARGET_ACTOR = Parameter('target_actor', Kind.ACTOR)
_TARGET_POSE = Parameter('target_pose', Kind.POSE)
_MAYBE_TARGET_POSE = Parameter('target_pose', Kind.POSE, is_required=False)
_MATCH_ORI = Parameter('match_ori', Kind.FLAG, is_required=False)
_MAYBE_DIRECTION = Parameter('direction', Kind.DIRECTION, is_required=False)

# Calls that move the robot; a key step ends with exactly one of them.
SKILLS: dict[str, tuple[Form, ...]] = {
    'move3d': (
        Form((_ACTOR,), 'empty hand: until the cup is above the object, vacuum off'),
        Form((_TARGET_ACTOR,), 'carrying: until the held object is above the other one'),
        Form(
            (_TARGET_POSE, _MATCH_ORI),
            'carrying: until the held object is above the pose; match_ori turns it too',
        ),
        Form(
            (Parameter('topple_actor', Kind.ACTOR),),
            'until the cup is beside the object, high enough to topple it',
        ),
        Form(
            (Parameter('push_actor', Kind.ACTOR), _MAYBE_TARGET_POSE),
            'until the cup is behind the object, seen from the pose or away from the robot',
        ),
        Form((Parameter('touch_actor', Kind.ACTOR),), 'until the cup is beside the object'),
        Form(
            (Parameter('throw_at', Kind.ACTOR), _MAYBE_DIRECTION),
            'carrying: until the arm is wound up; direction: for a throw beside the object',
        ),
        Form(
            (Parameter('goal', Kind.ACTOR), _MATCH_ORI),
            'until the cup is at the goal, straight down; match_ori: turned as the goal is',
        ),
        Form((Parameter('retreat_from', Kind.ACTOR),), 'until the arm has backed off the object'),
    ),
    'pick': (Form((_ACTOR,), 'until the vacuum holds the object and it is lifted'),),
    'place': (
        Form((_ACTOR, _TARGET_ACTOR), 'until the object is released on top of the other one'),
        Form((_ACTOR, _TARGET_POSE, _MATCH_ORI), 'until the object is released at the pose'),
    ),
    'touch': (Form((_ACTOR,), 'until the arm touches the object'),),
    'push': (
        Form(
            (_ACTOR, _MAYBE_TARGET_POSE),
            'until the object is at the pose, or has moved away from the robot',
        ),
    ),
    'topple': (Form((_ACTOR,), 'until the object has fallen over'),),
    'throw': (
        Form(
            (
                _ACTOR,
                _TARGET_ACTOR,
                Parameter('target_2d', Kind.FLAG, is_required=False),
                _MAYBE_DIRECTION,
            ),
            'until the object is released towards the other one; target_2d: seen from above; '
            'direction: to the place 0.1 m beside it, in frame world',
        ),
    ),
    'done': (Form((), 'the task is finished: the robot holds while the world decides'),),
}

# Calls that give a pose; evaluated once, where the key step begins.
POSE_FUNCTIONS: dict[str, tuple[Form, ...]] = {
    'get_pose': (Form((_ACTOR,), 'where the object is'),),
    'free_space': (Form((_ACTOR,), 'a free place on the table for the object'),),
    'free_space_next_to': (
        Form(
            (
                _ACTOR,
                Parameter('next_to_actor', Kind.ACTOR),
                Parameter('direction', Kind.DIRECTION),
                Parameter('description', Kind.DESCRIPTION),
            ),
            'a free place for the object beside the other one; direction in frame world',
        ),
    ),
    'towards': (Form((_ACTOR, _TARGET_ACTOR), 'midway between two objects, turned as the first'),),
    'rotate_z': (
        Form(
            (Parameter('pose', Kind.POSE), Parameter('degrees', Kind.DEGREES)),
            'the pose turned about its z axis, anti-clockwise positive',
        ),
    ),
    'Pose': (
        Form(
            (Parameter('p', Kind.POSITION), Parameter('q', Kind.ORIENTATION)),
            'the position of one pose with the orientation of another',
        ),
    ),
}
