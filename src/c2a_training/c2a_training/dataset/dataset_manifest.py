# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`c2a_dataset.json`: what a dataset is, how it was made, and what its shards must hash to.

schema_version, kind   see `row_schema.py`
options      what its generator was told, one value a name; every run must agree with them
versions     of the software that made the first shard
vocabulary   words of the cells' labels
fingerprint  hash over the content of all episodes, whatever their order and shards
episodes, rows         totals
shards       [{file, bytes, sha256, episodes, rows}]
dropped      [{task, seed, reason, split}], seeds that were tried and not kept
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from c2a_training.atomic_file import write_json
from c2a_training.dataset.episode_metadata import EpisodeMetadata
from c2a_training.dataset.row_schema import DATASET_KIND, SCHEMA_VERSION, VOCABULARY
from c2a_training.dataset.shard_file import check_version

MANIFEST = 'c2a_dataset.json'
POLICY_OPTION = 'policy'
"""Option of data in which a policy moved the arm: its checkpoint's hash."""
POLICY_STEPS_OPTION = 'policy_steps'
ALL_STEPS = 'all'
"""Value of that option where a policy moved the arm throughout."""
_PACKAGES = ('sapien', 'mani_skill', 'numpy', 'opencv-python', 'pyarrow')

Option = str | int | float | bool


@dataclass(frozen=True)
class ShardEntry:
    """What the manifest says about one shard."""

    file: str
    bytes: int
    sha256: str
    episodes: int
    rows: int


@dataclass(frozen=True)
class Dropped:
    """An episode that was tried and not kept."""

    task: str
    seed: int
    reason: str
    split: str = 'simple'


@dataclass(frozen=True)
class Manifest:
    """The content of `c2a_dataset.json`; see the module's docstring."""

    options: dict[str, Option]
    versions: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ''
    episodes: int = 0
    rows: int = 0
    shards: tuple[ShardEntry, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    schema_version: int = SCHEMA_VERSION


def read_manifest(directory: Path) -> Manifest:
    """Read a dataset's manifest.

    Raises:
        FileNotFoundError: if the directory or the manifest is not there.
        ValueError: if it is damaged, of another kind, or of another schema version.
    """
    path = directory / MANIFEST
    if not path.is_file():
        if directory.is_dir():
            missing = f'no {MANIFEST} in it'
        else:
            missing = 'it is a file' if directory.exists() else 'no such directory'
        raise FileNotFoundError(f'{directory} is no dataset: {missing}')
    try:
        document = json.loads(path.read_text(encoding='utf-8'))
        check_version(document, str(path))
        # Once there was one split in a dataset, and it stood in the options alone.
        split = document['options'].get('split', 'simple')
        return Manifest(
            options=dict(document['options']),
            versions=dict(document['versions']),
            fingerprint=document['fingerprint'],
            episodes=document['episodes'],
            rows=document['rows'],
            shards=tuple(ShardEntry(**entry) for entry in document['shards']),
            dropped=tuple(Dropped(**{'split': split, **entry}) for entry in document['dropped']),
            schema_version=document['schema_version'],
        )
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as err:
        raise ValueError(f'{path} is damaged: {err!r}') from err


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write a dataset's manifest atomically."""
    document = {
        'schema_version': manifest.schema_version,
        'kind': DATASET_KIND,
        'options': manifest.options,
        'versions': manifest.versions,
        'vocabulary': VOCABULARY,
        'fingerprint': manifest.fingerprint,
        'episodes': manifest.episodes,
        'rows': manifest.rows,
        'shards': [vars(entry) for entry in manifest.shards],
        'dropped': [vars(entry) for entry in manifest.dropped],
    }
    write_json(directory / MANIFEST, document)


def check_options(
    directory: Path, found: Mapping[str, Option], wanted: Mapping[str, Option]
) -> None:
    """Refuse to continue a dataset with other options than it was made with.

    Raises:
        ValueError: which says what differs.
    """
    differing = [
        f'{name} is {found.get(name, "not set")} there and {wanted.get(name, "not set")} here'
        for name in sorted({*found, *wanted})
        if found.get(name) != wanted.get(name)
    ]
    if differing:
        raise ValueError(
            f'the dataset {directory} was made with other options: {"; ".join(differing)}: '
            'give the same options, or another directory'
        )


def fingerprint(episodes: Iterable[EpisodeMetadata]) -> str:
    """Hash over the content of all episodes; their order and shards do not matter."""
    sha = hashlib.sha256()
    for line in sorted(f'{e.episode} {e.content_sha256}\n' for e in episodes):
        sha.update(line.encode())
    return sha.hexdigest()


def software_versions() -> dict[str, str]:
    """Versions of what an episode's bytes depend on."""
    versions = {'python': platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
