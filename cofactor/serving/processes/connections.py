"""The open connections of a worker, and a limit on the time that unread responses wait for their client."""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DESCRIPTORS = Path("/proc/self/fd")
UNREAD = 30.0  # seconds after which a connection is closed whose client does not read
SO_ATTACH_FILTER = 26  # of Linux
SYN = 0x02  # the flag of a packet that begins a connection, in byte 13 of a TCP header
DROP_SYN = (  # (code, jump if true, jump if false, operand) of the classic BPF: load byte 13; is SYN set? drop; keep
    (0x30, 0, 0, 13),
    (0x45, 0, 1, SYN),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)


class OpenConnections:
    """The connections of this process to one port, found among its open files (Linux)."""

    def __init__(self, port: int, unread: float = UNREAD) -> None:
        self._port, self._unread = port, unread
        self._known: set[tuple[int, str]] = set()
        self._others: set[tuple[int, str]] = set()  # open sockets that are not connections to the port
        self.count = 0

    def update(self) -> None:
        """Counts the connections, and sets the limit for new ones.

        A server hands its responses to the system, which keeps them for as long as a client acknowledges packets
        without reading. TCP_USER_TIMEOUT ends such a connection.
        """
        if not hasattr(socket, "TCP_USER_TIMEOUT") or not DESCRIPTORS.exists():
            return
        sockets = _open_sockets()
        new = sockets - self._known
        self._others = (self._others & sockets) | {one for one in new if not self._limit(one[0])}
        self._known = sockets
        self.count = len(sockets - self._others)

    def ignore_new(self) -> None:
        """Leaves new connections unanswered from now on, while those that are established already are accepted.

        `refuse_new` would reset connections that wait to be accepted, although their clients have sent requests. A
        client whose connection is not answered tries again after a second.
        """
        for one in self._listening():
            with suppress(OSError), _program(DROP_SYN) as program:  # not on Linux: then `refuse_new` is all there is
                one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def refuse_new(self) -> None:
        """Refuses new connections from now on; those that are open stay.

        A server that stops closes a connection whose first request it has not read yet. So a process first refuses
        connections, and stops when those that are open have had time for their requests.
        """
        for one in self._listening():
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _listening(self) -> Iterator[socket.socket]:
        """The sockets of this process that listen on the port; each is a copy, which is closed after its use."""
        for descriptor, _ in _open_sockets():
            with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as one:  # closed meanwhile, or no network
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and one.getsockname()[1] == self._port:
                    yield one

    def _limit(self, descriptor: int) -> bool:
        """Whether a descriptor is a connection to the port; its limit is set then."""
        try:
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                if connection.family not in (socket.AF_INET, socket.AF_INET6):
                    return False
                if connection.getsockname()[1] != self._port:
                    return False
                connection.getpeername()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * self._unread))
        except OSError:  # closed meanwhile, or not connected
            return False
        return True


@contextmanager
def _program(instructions: tuple[tuple[int, int, int, int], ...]) -> Iterator[bytes]:
    """A filter of packets as the system takes it (struct sock_fprog): the number of instructions and their address."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in instructions))
    yield struct.pack("HP", len(instructions), ctypes.addressof(code))


def _open_sockets() -> set[tuple[int, str]]:
    """Descriptor and inode of each open socket."""
    found = set()
    for file in DESCRIPTORS.iterdir():
        try:
            target = str(file.readlink())
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add((int(file.name), target))
    return found
