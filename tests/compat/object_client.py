# SPDX-License-Identifier: MIT
"""Speaks with object_tool, whose protocol stands at the top of object_tool.c."""
import os
import struct
import subprocess

ONE_ONLY, PLAIN_ONLY, SMALL, BYTES, NO_FIX = 1 << 1, 1 << 2, 1 << 5, 3 << 6, 1 << 8
REUSE, ALL, BY_FILE, BY_MEMORY, PLAIN = 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13
KEEP = 1 << 14


class Refused(Exception):
    """What the tool says of a pickle that it did not take."""

    def __init__(self, status, reply):
        code, self.offset, self.message = (reply.decode("utf-8", "replace").split(" ", 2) + ["", ""])[:3]
        self.status, self.code = status, int(code) if code.lstrip("-").isdigit() else 0
        super().__init__(f"{code} {self.message}")


class Died(Exception):
    """The tool is gone: no pickle may do that."""


class Tool:
    def __init__(self, path=None):
        self.path = path or os.path.join(os.environ["MFT_BUILD"], "tests", "object_tool")
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask_raw(self, command, data=b"", protocol=4, flags=0):
        """Status and bytes."""
        pipe = self.process
        try:
            pipe.stdin.write(struct.pack("<cBHI", command.encode(), protocol, flags, len(data)))
            pipe.stdin.write(data)
            pipe.stdin.flush()
            head = pipe.stdout.read(5)
        except BrokenPipeError:
            head = b""
        if len(head) == 5:
            status, size = struct.unpack("<BI", head)
            reply = pipe.stdout.read(size)
            if len(reply) == size:
                return status, reply
        code = self.close()
        self.start()
        raise Died(f"{command} (protocol {protocol}, flags {flags:x}): exit status {code}")

    def ask(self, command, data=b"", protocol=4, flags=0):
        status, reply = self.ask_raw(command, data, protocol, flags)
        if status:
            raise Refused(status, reply)
        return reply

    def dump(self, data, protocol=4, flags=0):
        return self.ask("D", data, protocol, flags)

    def repr(self, data, flags=0):
        return self.ask("R", data, flags=flags).decode("utf-8", "surrogatepass")

    def equal(self, a, b):
        return self.ask("E", struct.pack("<I", len(a)) + a + b) == b"1"

    def at(self, path, data):
        path = path.encode("utf-8", "surrogatepass")
        return self.ask("@", struct.pack("<I", len(path)) + path + data).decode("utf-8", "surrogatepass")

    def stream(self, data, piece, protocol=4, flags=0):
        reply = self.ask("S", struct.pack("<I", piece) + data, protocol, flags)
        pickles = []
        while reply:
            size, = struct.unpack_from("<I", reply)
            pickles.append(reply[4:4 + size])
            reply = reply[4 + size:]
        return pickles

    def close(self):
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass
        return self.process.wait()
