"""Processes that outlive the command that started them, and the records that say they are ours.

A process is identified by its pid *and* its start time: a pid alone may have been given to another program since.
"""

import json
import os
import signal
import socket
import subprocess
import time

import psutil


class ServerError(Exception):
    """A server cannot be started or reached. The message says what is wrong and what to do."""


def spawn(command, log, env=None):
    """Start a program in a session of its own, so that Ctrl-C in our terminal does not reach it.

    Arguments: command (list of str), log (Path, appended to), env (dict of str or None).
    Result: psutil.Process. Raises ServerError if the program cannot be executed.
    """
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(log, "ab") as out:
        try:
            child = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        except OSError as error:
            raise ServerError(f"{command[0]} does not run: {error.strerror}.") from error
    child.returncode = 0  # it may outlive us, and subprocess need not warn of that
    return psutil.Process(child.pid)


def identity(process):
    """Return what identifies a process: {"pid": int, "created": seconds since 1970}."""
    return {"pid": process.pid, "created": process.create_time()}


def find(entry):
    """Return the psutil.Process that `identity` described, or None if it is gone or its pid is another's now."""
    try:
        process = psutil.Process(entry["pid"])
        same = abs(process.create_time() - entry["created"]) < 1
        return process if same and alive(process) else None
    except (psutil.Error, KeyError, TypeError):  # gone, or the record is damaged
        return None


def alive(process):
    """Return True while a process runs (frozen counts as running)."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def end(process, grace=15):
    """Stop a process: SIGTERM, and SIGKILL after `grace` seconds. A frozen one is resumed first."""
    try:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(grace)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(grace)
    except psutil.NoSuchProcess:
        pass


def is_taken(port, host="127.0.0.1"):
    """Return True if something listens on this TCP port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    with socket.socket() as probe:  # on macOS one may bind beside a listener on all addresses
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def holder(port):
    """Return who listens on this TCP port, for a message: "nginx (pid 712)", or "another program"."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # macOS shows other users' sockets to root only
    return "another program"


def wait_until_free(ports, timeout=5):
    """Wait for ports that a process of ours has left to be free again. Result: the first still taken, or None."""
    deadline = time.monotonic() + timeout
    while taken := [port for port in ports if is_taken(port)]:
        if time.monotonic() > deadline:
            return taken[0]
        time.sleep(0.05)
    return None


class Record:
    """What the lab knows of a server: a JSON file of mode 0600 in the state folder.

    Arguments: folder (Path), name (str).
    """

    def __init__(self, folder, name):
        self.path = folder / f"{name}.json"

    def read(self):
        """Return the record as a dict, or None if there is none or it is damaged."""
        try:
            record = json.loads(self.path.read_text())
            return record if isinstance(record.get("processes"), list) else None
        except (FileNotFoundError, ValueError, AttributeError):
            return None

    def write(self, **values):
        """Replace the record in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(values, file, indent=1)
        draft.replace(self.path)

    def remove(self):
        """Forget it."""
        self.path.unlink(missing_ok=True)

    def running(self):
        """Return the recorded processes that still are what was recorded: list of psutil.Process."""
        record = self.read() or {"processes": []}
        return [process for entry in record["processes"] if (process := find(entry))]


def last_lines(log, count=8):
    """Return the last lines of a log file as one str, at most 2,000 characters."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])[-2000:]
