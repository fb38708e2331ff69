# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""`metadata.yaml` of a rosbag2 folder, in the version that ROS 2 Jazzy writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

METADATA_FILE = 'metadata.yaml'

OPEN_SUFFIX = '.open'
"""Of folders that C2A's recorder has not closed."""

RECORD_NAME = 'c2a'
"""Name of the MCAP metadata record in which C2A's recorder describes the episode."""

DEFINITION_ENCODING = 'ros2msg'
ROSBAG2_VERSION = 9

INFINITE = {'sec': 9223372036, 'nsec': 854775807}
"""How rosbag2 writes a duration without an end."""


@dataclass(frozen=True)
class TopicInfo:
    """One topic as a bag describes it.

    Attributes:
        name: absolute.
        msg_type: for example `c2a_msgs/msg/Command`.
        definition: its text and those of the types in it.
        type_hash: ROS 2's hash of the type.
        qos: the profile that its publisher offers, as rosbag2 writes it.
        is_latched: what was said before an episode holds in it as well.
    """

    name: str
    msg_type: str
    definition: str
    type_hash: str
    qos: Mapping[str, Any]
    is_latched: bool = False


@dataclass(frozen=True)
class BagSpan:
    """How much a bag holds.

    Attributes:
        counts: messages by topic.
        start_ns: wall time of the first message [ns].
        end_ns: wall time of the last one [ns].
    """

    counts: Mapping[str, int]
    start_ns: int
    end_ns: int


def qos_text(topic: TopicInfo) -> str:
    """The profile as it stands in the channel of an MCAP file."""
    return yaml.safe_dump([dict(topic.qos)], sort_keys=False).strip()


def bag_information(
    file_name: str, topics: Sequence[TopicInfo], span: BagSpan, custom: Mapping[str, str]
) -> dict[str, Any]:
    """What rosbag2 wants to know of a bag.

    Args:
        file_name: of the bag's one MCAP file.
        topics: of the bag.
        span: how much it holds.
        custom: what C2A says about the episode.
    """
    start = {'nanoseconds_since_epoch': span.start_ns}
    duration = {'nanoseconds': max(0, span.end_ns - span.start_ns)}
    total = sum(span.counts.values())
    file = {
        'path': file_name,
        'starting_time': start,
        'duration': duration,
        'message_count': total,
    }
    return {
        'version': ROSBAG2_VERSION,
        'storage_identifier': 'mcap',
        'duration': duration,
        'starting_time': start,
        'message_count': total,
        'topics_with_message_count': [
            {'topic_metadata': _topic(topic), 'message_count': span.counts.get(topic.name, 0)}
            for topic in topics
        ],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file_name],
        'files': [file],
        'custom_data': dict(custom),
        'ros_distro': 'jazzy',
    }


def metadata_text(information: Mapping[str, Any]) -> str:
    """The text of `metadata.yaml`."""
    return _yaml({'rosbag2_bagfile_information': dict(information)})


def storage_record(information: Mapping[str, Any]) -> dict[str, str]:
    """The same for rosbag2's MCAP storage, which looks for it in a metadata record of the file."""
    return {'serialized_metadata': _yaml(dict(information))}


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_NoAliases, sort_keys=False, allow_unicode=True, width=10**6)


class _NoAliases(yaml.SafeDumper):
    """Writes equal parts out each time: not every reader of YAML knows anchors."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _topic(topic: TopicInfo) -> dict[str, Any]:
    return {
        'name': topic.name,
        'type': topic.msg_type,
        'serialization_format': 'cdr',
        'offered_qos_profiles': [dict(topic.qos)],
        'type_description_hash': topic.type_hash,
    }
