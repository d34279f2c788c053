"""What a child process gives up before it touches what a stranger made: a model file, a document.

Each of them does what it can and leaves the rest: a container may refuse some of it.
"""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

NVIDIA, NVIDIA_MEMORY = Path("/dev/nvidiactl"), Path("/dev/nvidia-uvm")
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
# What is left to Python's own functions where the system keeps the network: neither child needs any of this.
REFUSED = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendmsg",
    "socket.sendto",
    "subprocess.Popen",
)


def leave_ending_to_the_bot() -> None:
    """A terminal's Ctrl-C and a service manager's SIGTERM go to all; the bot decides when its child ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def limit(kind: int, value: int) -> None:
    """Sets a limit of the system, unless a stricter one stands already, or the system (macOS) has none of the kind."""
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


def leave_no_core() -> None:
    """A crash writes no image of the memory, which holds what people wrote."""
    limit(resource.RLIMIT_CORE, 0)


def give_up_network() -> bool:
    """Moves this process, while it has a single thread, into a network of its own without any device.

    False: the system refuses, or knows no such thing; the process goes on with the network it had.
    """
    if not sys.platform.startswith("linux"):
        return False
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) == 0:  # root may do so as it is
        return True
    if NVIDIA.exists() and not NVIDIA_MEMORY.exists():
        return False  # the card's driver is still to be loaded, by a program that must become root for it
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    # The same ids as before, so that files and devices open as before.
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with suppress(OSError):
            Path("/proc/self", name).write_text(line, "ascii")
    return True


def start_nothing_and_call_nobody() -> None:
    """From now on, whatever Python code would start a program or open a connection raises PermissionError."""
    sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: tuple[object, ...]) -> None:
    if event in REFUSED:
        raise PermissionError(event)
