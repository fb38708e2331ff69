# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Hangs up on a server at a deadline, whatever it sends until then.

A client's time-out is for each piece of data: a server that keeps showing that it is alive, as by
comments in its stream, and writes no reply is read for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openai


@contextlib.contextmanager
def hung_up_at(deadline: float, stream: openai.Stream) -> Iterator[None]:
    """Read a stream until the deadline; it then ends, or reading it raises.

    Args:
        deadline: on the clock `time.monotonic` [s].
        stream: that is read in the context.
    """
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), _hang_up, (stream,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # Whatever comes next over this connection must not be cut.
        timer.join()


def _hang_up(stream: openai.Stream) -> None:
    network = stream.response.extensions.get('network_stream')
    connection = network.get_extra_info('socket') if network is not None else None
    if not isinstance(connection, socket.socket):
        stream.close()
        return
    # Wakes whoever waits for data, and leaves the client's own state to the thread that reads.
    # Not the method of a TLS socket: that one takes its state away from under the reader.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
