# SPDX-FileCopyrightText: 2026 C2A developers
# SPDX-License-Identifier: Apache-2.0
"""Running one node as a process: start, logging, signals, clean end.

On Ctrl-C rclpy's own handler invalidates the context while callbacks still run. Here a signal ends
the spinning first, then running callbacks finish, then the node is destroyed while it can still
publish (its last word to a robot, say), and only then the context goes.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from c2a_core.dds_profile import use_large_shared_memory

# Packages whose library log goes to the log of the node that runs them.
LIBRARIES = ('c2a_core', 'c2a_sim_bridge', 'c2a_planner', 'c2a_controller', 'c2a_training')

# Time for running callbacks to finish when a node ends.
CLEAN_UP_S = 2.0

_PROCESS_LOGGER = 'c2a'


def default_to_localhost() -> None:
    """Keep discovery on this machine unless the user set a range; call before `rclpy.init`."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


class RosLogHandler(logging.Handler):
    """Hands records of `logging` to a ROS logger."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._ros_logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; rclpy wants one line of code for each severity."""
        message = f'{record.name}: {self.format(record)}'
        if record.levelno >= logging.CRITICAL:
            self._ros_logger.fatal(message)
        elif record.levelno >= logging.ERROR:
            self._ros_logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._ros_logger.warning(message)
        elif record.levelno >= logging.INFO:
            self._ros_logger.info(message)
        else:
            self._ros_logger.debug(message)


def forward_logging(
    logger: Any, libraries: tuple[str, ...] = LIBRARIES, level: int | None = None
) -> Callable[[], None]:
    """Send the log of ROS-free libraries to a ROS logger.

    Args:
        logger: of a node, or `rclpy.logging.get_logger(name)`.
        libraries: names of the packages.
        level: least severe level of `logging` that is sent; None takes that of the logger.

    Returns:
        A function that ends it.
    """
    if level is None:
        # ROS and Python give their severities the same numbers.
        level = int(logger.get_effective_level())
    handler = RosLogHandler(logger)
    library_loggers = [logging.getLogger(name) for name in libraries]
    for library_logger in library_loggers:
        library_logger.addHandler(handler)
        library_logger.setLevel(level)

    def stop() -> None:
        for library_logger in library_loggers:
            library_logger.removeHandler(handler)

    return stop


def run_node(
    node_factory: Callable[[], Node],
    args: list[str] | None = None,
    *,
    executor_factory: Callable[[], Executor] = MultiThreadedExecutor,
) -> int:
    """Run one node until it is told to stop: the whole of a node's `main()`.

    Args:
        node_factory: makes the node, mostly its class.
        args: command line with ROS arguments; None takes that of the process.
        executor_factory: makes the executor that spins it.

    Returns:
        Exit code: 0 after Ctrl-C or a shutdown, that of `end_node`, or 1 if the node could not be
        made, with the reason in the log.

    Raises:
        Exception: what a callback of the node let through, after clean-up.
    """
    default_to_localhost()
    use_large_shared_memory()
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    node: Node | None = None
    executor: Executor | None = None
    stop_forwarding = forward_logging(rclpy.logging.get_logger(_PROCESS_LOGGER))
    try:
        with _Signals() as signals:
            executor = executor_factory()
            with signals.interrupting():
                node = _make(node_factory)
            if node is None:
                return 1
            stop_forwarding()
            stop_forwarding = forward_logging(node.get_logger())
            executor.add_node(node)
            with signals.ending(executor):
                _spin(executor, node, signals)
            return _exit_code(node) or 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        stop_forwarding()
        _clean_up(node, executor)


def end_node(node: Node, exit_code: int = 0) -> None:
    """End the process of a node that runs under `run_node`; to be called in its callbacks.

    Args:
        node: which has done its work.
        exit_code: what `run_node` returns.
    """
    node.exit_code = exit_code
    if node.executor is not None:
        _wake(node.executor)


def _spin(executor: Executor, node: Node, signals: _Signals) -> None:
    while rclpy.ok() and not signals.is_set and _exit_code(node) is None:
        executor.spin_once()


def _exit_code(node: Node) -> int | None:
    code: int | None = getattr(node, 'exit_code', None)
    return code


def _wake(executor: Executor) -> None:
    """Let a waiting `spin_once` return: it does so when there was work."""
    executor.create_task(lambda: None)


def _make(node_factory: Callable[[], Node]) -> Node | None:
    """The node, or None after a sentence in the log: a node that cannot start says why."""
    try:
        return node_factory()
    except (ValueError, RuntimeError, OSError, ImportError) as err:
        logger = rclpy.logging.get_logger(_PROCESS_LOGGER)
        logger.debug(traceback.format_exc())
        logger.fatal(f'node did not start: {err}')
        return None


def _clean_up(node: Node | None, executor: Executor | None) -> None:
    try:
        if executor is not None:
            _finish_callbacks(executor)
            executor.shutdown(timeout_sec=0)
        if node is not None:
            node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        # The user pressed Ctrl-C again; the process ends anyway.
        pass
    finally:
        rclpy.try_shutdown()


def _finish_callbacks(executor: Executor) -> None:
    """Wait for callbacks in other threads: rclpy 7's own shutdown does not."""
    pool = getattr(executor, '_executor', None)
    if isinstance(pool, ThreadPoolExecutor):
        waiter = threading.Thread(target=pool.shutdown, daemon=True)
        waiter.start()
        waiter.join(CLEAN_UP_S)


class _Signals:
    """SIGINT and SIGTERM: an interrupt while the node is made, a request to end while it spins.

    The main thread waits inside DDS, where Python runs no signal handler. So the interpreter's
    C-level handler writes to a socket, and a thread that reads from it wakes the executor.
    """

    def __init__(self) -> None:
        self.is_set = False
        self._interrupts = False
        self._executor: Executor | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """While this lasts, a signal raises `KeyboardInterrupt`, also what came just before."""
        self._interrupts = True
        try:
            if self.is_set:
                raise KeyboardInterrupt
            yield
        finally:
            self._interrupts = False

    @contextmanager
    def ending(self, executor: Executor) -> Iterator[None]:
        """While this lasts, a signal sets `is_set` and wakes the executor."""
        if not self._previous:
            yield
            return
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        self._executor = executor
        thread = threading.Thread(target=self._watch, args=(reader,), daemon=True)
        thread.start()
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            self._executor = None
            writer.close()
            thread.join()
            reader.close()

    def _handle(self, number: int, frame: object) -> None:
        del number, frame
        # Remembered in any case: what is raised in a destructor or a weak reference's callback
        # is lost.
        self.is_set = True
        if self._interrupts:
            raise KeyboardInterrupt

    def _watch(self, reader: socket.socket) -> None:
        while data := reader.recv(16):
            executor = self._executor
            if executor is not None and not {signal.SIGINT, signal.SIGTERM}.isdisjoint(data):
                self.is_set = True
                _wake(executor)
