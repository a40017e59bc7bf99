# Runs a job's commands on a machine that is not ours. Written by Trainyard; Python 3.9 or newer, nothing else.
import argparse
import base64
import hashlib
import http.client
import io
import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid

CUT_SECS = 5  # between asking a command to end and ending it
LINE_MAX = 400  # of a line that is told to people


class Refused(Exception):
    """The job cannot be run; the text says why, for people."""


class TimedOut(Exception):
    """The job has had its time."""


class Ended(Exception):
    """The platform ends the job, and will know why."""


class Log:
    """What everything says: printed as it comes, and kept."""

    def __init__(self, path):
        self.file = open(path, "ab")
        self.path = path
        self.lock = threading.Lock()

    def write(self, data):
        with self.lock:
            self.file.write(data)
            self.file.flush()
            # Some platforms put something of their own in the place of standard output.
            if hasattr(sys.stdout, "buffer"):
                sys.stdout.buffer.write(data)
            else:
                sys.stdout.write(data.decode("utf-8", "replace"))
            sys.stdout.flush()

    def say(self, line):
        self.write(("trainyard: " + line + "\n").encode("utf-8", "replace"))

    def size(self):
        return os.path.getsize(self.path)

    def last_line_since(self, start):
        """The last line with something in it, without colours and not too long."""
        with open(self.path, "rb") as file:
            file.seek(max(start, self.size() - (1 << 20)))
            text = file.read().decode("utf-8", "replace")
        text = re.sub(r"\x1b(\[[^@-~]*[@-~]|.)", "", text).replace("\r", "\n")
        lines = ["".join(c if c.isprintable() else " " for c in line).strip() for line in text.split("\n")]
        lines = [line for line in lines if line]
        return lines[-1][:LINE_MAX] if lines else None


class Deadline:
    """When the job has to end."""

    def __init__(self, secs):
        self.at = time.monotonic() + secs

    def left(self):
        return max(0.0, self.at - time.monotonic())


